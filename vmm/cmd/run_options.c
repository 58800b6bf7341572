/* SPDX-License-Identifier: MIT
 *
 * The options of `vitrine run`: parsing, checks, and the help text.
 */
#include "cmd/run_options.h"

#include "boot/root_initrd.h"
#include "cmd/devices.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MIN_BYTES (16ULL << 20)
#define MEMORY_MAX_BYTES (512ULL << 30)
#define STOP_TIMEOUT_DEFAULT_MS 10000
#define DIRTY_EVERY_MS 100

enum {
	OPT_KERNEL = 256,
	OPT_INITRD,
	OPT_CMDLINE,
	OPT_NO_DEFAULT_CMDLINE,
	OPT_FIRMWARE,
	OPT_FLAT16,
	OPT_KASLR,
	OPT_CPU,
	OPT_IRQCHIP,
	OPT_HUGEPAGES,
	OPT_SERIAL,
	OPT_TIMEOUT,
	OPT_STOP_TIMEOUT,
	OPT_NO_REBOOT,
	OPT_DEBUG_EXIT,
	OPT_DRY_RUN,
	OPT_STATS,
	OPT_JSON,
	OPT_TRACE,
	OPT_STRACE,
	OPT_GDB,
	OPT_DISK,
	OPT_NET,
	OPT_RNG,
	OPT_VIRTIO_CONSOLE,
	OPT_PORT,
	OPT_BALLOON,
	OPT_VSOCK,
	OPT_SHARE,
	OPT_ROOT
};

static const struct option long_options[] = {
	{"memory", required_argument, NULL, 'm'},
	{"cpus", required_argument, NULL, 'c'},
	{"kernel", required_argument, NULL, OPT_KERNEL},
	{"initrd", required_argument, NULL, OPT_INITRD},
	{"cmdline", required_argument, NULL, OPT_CMDLINE},
	{"no-default-cmdline", no_argument, NULL, OPT_NO_DEFAULT_CMDLINE},
	{"firmware", required_argument, NULL, OPT_FIRMWARE},
	{"flat16", no_argument, NULL, OPT_FLAT16},
	{"kaslr", required_argument, NULL, OPT_KASLR},
	{"cpu", required_argument, NULL, OPT_CPU},
	{"irqchip", required_argument, NULL, OPT_IRQCHIP},
	{"hugepages", no_argument, NULL, OPT_HUGEPAGES},
	{"serial", required_argument, NULL, OPT_SERIAL},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"stop-timeout", required_argument, NULL, OPT_STOP_TIMEOUT},
	{"no-reboot", no_argument, NULL, OPT_NO_REBOOT},
	{"debug-exit", no_argument, NULL, OPT_DEBUG_EXIT},
	{"dry-run", no_argument, NULL, OPT_DRY_RUN},
	{"stats", no_argument, NULL, OPT_STATS},
	{"json", no_argument, NULL, OPT_JSON},
	{"trace", required_argument, NULL, OPT_TRACE},
	{"strace", optional_argument, NULL, OPT_STRACE},
	{"gdb", required_argument, NULL, OPT_GDB},
	{"disk", required_argument, NULL, OPT_DISK},
	{"net", required_argument, NULL, OPT_NET},
	{"rng", optional_argument, NULL, OPT_RNG},
	{"virtio-console", required_argument, NULL, OPT_VIRTIO_CONSOLE},
	{"port", required_argument, NULL, OPT_PORT},
	{"balloon", required_argument, NULL, OPT_BALLOON},
	{"vsock", required_argument, NULL, OPT_VSOCK},
	{"share", required_argument, NULL, OPT_SHARE},
	{"root", required_argument, NULL, OPT_ROOT},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

void run_options_help(void)
{
	fputs("Usage: vitrine run [options] [IMAGE]\n"
	      "Runs IMAGE in a virtual machine; without one, the bundled guest.\n"
	      "IMAGE is recognised: ELF with a PVH note (vmlinux), Linux bzImage (vmlinuz), the bundled guest.\n"
	      "\n"
	      "Machine\n"
	      "  -m, --memory SIZE       guest RAM: 256M, 1G, … (256M; 16M to 512G)\n"
	      "  -c, --cpus N            vCPUs (1)\n"
	      "      --cpu MODEL         host, or baseline (the same on every x86-64-v2 host), then\n"
	      "                          ,+feature or ,-feature with names as in /proc/cpuinfo (host)\n"
	      "      --irqchip KIND      kernel: all of it in KVM; split: IOAPIC in Vitrine (kernel)\n"
	      "      --hugepages         RAM from the reserved pages of /proc/sys/vm/nr_hugepages\n"
	      "      --debug-exit        add isa-debug-exit: a write to port 0xf4 ends the VM\n"
	      "Boot\n"
	      "      --kernel IMAGE      same as IMAGE\n"
	      "      --initrd FILE       initial RAM disk\n"
	      "      --root DIR          boot the Linux in this folder, with it as the root; IMAGE: another kernel\n"
	      "      --cmdline WORDS     kernel command line\n"
	      "      --no-default-cmdline  don't add Vitrine's own words for Linux; --verbose shows them\n"
	      "      --kaslr on|off      randomise where Linux is loaded (on)\n"
	      "      --flat16            IMAGE is 16-bit code for 0000:7C00, started by the firmware\n"
	      "      --firmware FILE     another firmware of 64 KiB for --flat16\n"
	      "Devices\n"
	      "      --disk PATH[,…]     a disk: ro, snapshot, format=raw|qcow2, cache=, id=, queues=, iops=, bps=,\n"
	      "                          seek=hdd, transport=pci|mmio, model=virtio|ide-pio|ide-dma|cdrom\n"
	      "      --net user[,…]      a network card; user: needs no privilege, hostfwd=tcp::2222-:22\n"
	      "      --net tap[,…]       ifname=, queues=, vhost=on|off|auto\n"
	      "      --net switch:NAME   a link between VMs of this host\n"
	      "                          all: model=virtio|e1000|ne2k, transport=pci|mmio, mac=, mtu=\n"
	      "      --share DIR[,…]     a folder of the host in the guest: tag=NAME (share0), ro\n"
	      "      --vsock cid=N,unix:PATH  stream sockets between guest and host\n"
	      "      --port name=NAME,unix:PATH  a named serial port; may be given up to 14 times\n"
	      "      --balloon SIZE[,…]  guest RAM that the host takes back: reporting=, deflate-on-oom=, stats=TIME\n"
	      "      --rng               random numbers of the host\n"
	      "Console\n"
	      "      --serial LINE       COM1: stdio, none, pty, file:PATH, unix:PATH (stdio)\n"
	      "                          on a terminal Ctrl-A x quits, Ctrl-A h helps\n"
	      "      --virtio-console LINE  hvc0, a faster console: the same kinds of lines\n"
	      "Ending\n"
	      "      --timeout TIME      end the VM after 10, 10s, 500ms, 2m, …; status 10\n"
	      "      --stop-timeout TIME how long a guest may take to power off after SIGTERM (10s)\n"
	      "      --no-reboot         a guest's reset ends the VM; status 6\n"
	      "Looking in\n"
	      "      --stats             print counters at the end; with --json as JSON\n"
	      "      --trace exits[=FILE]  one line per exit to userspace; registers[=FILE]: with the registers\n"
	      "      --strace[=FILE]     one line per system call of the bundled guest's programs\n"
	      "      --trace dirty=FILE[,every=TIME]  pages that the guest wrote, by interval (100ms)\n"
	      "      --gdb unix:PATH|tcp:PORT[,wait]  let gdb attach; wait: before the first instruction\n"
	      "      --dry-run           check everything, say what would run, run nothing\n"
	      "  -v, --verbose           say what is being done\n"
	      "  -h, --help\n"
	      "\n"
	      "Exit status: 0 power-off; odd: what the guest said through debug-exit, (v << 1) | 1;\n"
	      "2 usage; 4 host; 6 reset with --no-reboot; 8 triple fault; 10 timeout; 12 guest panic.\n"
	      "\n"
	      "Examples:\n"
	      "  vitrine run                                    the bundled guest\n"
	      "  vitrine run -m 1G -c 4 /boot/vmlinuz --initrd rootfs.cpio --cmdline quiet\n"
	      "  vitrine run --stats --cmdline test=all         the bundled guest's self-tests\n"
	      "  vitrine run --flat16 --debug-exit hello.bin    16-bit code\n"
	      "  vitrine run --gdb tcp:1234,wait                then: gdb -ex 'target remote 127.0.0.1:1234'\n",
	      stdout);
}

static bool complain(const char *option, const char *value, const char *advice)
{
	fprintf(stderr, "vitrine run: %s %s: %s\n", option, value, advice);
	return false;
}

static bool parse_memory(const char *value, struct run_options *options)
{
	if (parse_size(value, &options->memory_bytes) < 0)
		return complain("--memory", value, "not a size; write 256M, 1G, …");
	if (options->memory_bytes < MEMORY_MIN_BYTES || options->memory_bytes > MEMORY_MAX_BYTES)
		return complain("--memory", value, "must be between 16M and 512G");
	if (options->memory_bytes % 4096)
		return complain("--memory", value, "must be a multiple of 4K");
	return true;
}

static bool parse_cpus(const char *value, struct run_options *options)
{
	char *end;
	long count = strtol(value, &end, 10);

	if (end == value || *end || count < 1 || count > BOARD_CPU_MAX)
		return complain("--cpus", value, "must be a number from 1 to 255");
	options->cpu_count = (unsigned)count;
	return true;
}

static bool parse_time(const char *option, const char *value, unsigned *ms)
{
	if (parse_duration(value, ms) < 0)
		return complain(option, value, "not a time; write 10, 500ms, 2m, …");
	return true;
}

static bool parse_choice(const char *option, const char *value, const char *first,
			 const char *second, bool *is_second)
{
	char advice[64];

	*is_second = strcmp(value, second) == 0;
	if (*is_second || strcmp(value, first) == 0)
		return true;
	snprintf(advice, sizeof(advice), "must be %s or %s", first, second);
	return complain(option, value, advice);
}

/* "FILE[,every=TIME]"; FILE may have commas of its own. */
static bool parse_trace_dirty(const char *value, struct run_options *options)
{
	static const char separator[] = ",every=";
	const char *every = strstr(value, separator), *next;
	size_t length;

	while (every && (next = strstr(every + 1, separator)))
		every = next;
	options->dirty_every_ms = DIRTY_EVERY_MS;
	if (every && (parse_duration(every + strlen(separator), &options->dirty_every_ms) < 0 ||
		      !options->dirty_every_ms))
		return complain("--trace dirty", every + 1, "must be a time: every=100ms");
	length = every ? (size_t)(every - value) : strlen(value);
	if (!length || length >= sizeof(options->dirty_file))
		return complain("--trace dirty", value, "a file name is missing, or too long");
	memcpy(options->dirty_file, value, length);
	options->dirty_file[length] = '\0';
	return true;
}

static bool parse_trace(const char *value, struct run_options *options)
{
	const size_t length = strcspn(value, "=");
	const char *file = value[length] ? value + length + 1 : NULL;

	if (file && !*file)
		return complain("--trace", value, "a file name is missing behind =");
	if (!strncmp(value, "dirty=", 6))
		return parse_trace_dirty(value + 6, options);
	options->trace_registers = length == 9 && strncmp(value, "registers", length) == 0;
	options->trace_exits = length == 5 && strncmp(value, "exits", length) == 0;
	options->trace_exits |= options->trace_registers;
	if (!options->trace_exits)
		return complain(
			"--trace", value,
			"must be exits[=FILE], registers[=FILE] or dirty=FILE[,every=TIME]");
	options->trace_file = file;
	return true;
}

static bool add_small(const char *option, const char *value, struct run_options *options)
{
	char err[512];

	if (devices_add_small(options->devices, option + 2, value, err, sizeof(err)) == 0)
		return true;
	return complain(option, value, err);
}

static bool add_root(const char *folder, struct run_options *options)
{
	char share[PATH_MAX + 32];
	char err[256];

	if (options->root)
		return complain("--root", folder, "is there already; one is possible");
	options->root = folder;
	snprintf(share, sizeof(share), "%s,tag=" ROOT_TAG, folder);
	if (devices_add_small(options->devices, "share", share, err, sizeof(err)) == 0)
		return true;
	return complain("--root", folder, err);
}

static bool set_image(const char *value, struct run_options *options)
{
	if (options->image)
		return complain("IMAGE", value, "there is an image already; only one can run");
	options->image = value;
	return true;
}

static bool add_device(int (*add)(struct devices *, const char *, char *, size_t),
		       const char *option, const char *value, struct run_options *options)
{
	char err[512];

	if (add(options->devices, value, err, sizeof(err)) == 0)
		return true;
	return complain(option, value, err);
}

/* One option; false after a complaint. */
static bool take(int option, const char *value, struct run_options *o)
{
	bool second = false;

	switch (option) {
	case 'm': return parse_memory(value, o);
	case 'c': return parse_cpus(value, o);
	case 'v': return o->verbose = true;
	case OPT_KERNEL: return set_image(value, o);
	case OPT_INITRD: o->initrd = value; return true;
	case OPT_CMDLINE: o->cmdline = value; return true;
	case OPT_NO_DEFAULT_CMDLINE: return o->no_default_cmdline = true;
	case OPT_FIRMWARE: o->firmware = value; return true;
	case OPT_FLAT16: return o->flat16 = true;
	case OPT_CPU: o->cpu = value; return true;
	case OPT_HUGEPAGES: return o->hugepages = true;
	case OPT_SERIAL: o->serial = value; return true;
	case OPT_TIMEOUT: return parse_time("--timeout", value, &o->timeout_ms);
	case OPT_STOP_TIMEOUT: return parse_time("--stop-timeout", value, &o->stop_timeout_ms);
	case OPT_NO_REBOOT: return o->no_reboot = true;
	case OPT_DEBUG_EXIT: return o->debug_exit = true;
	case OPT_DRY_RUN: return o->dry_run = true;
	case OPT_STATS: return o->stats = true;
	case OPT_JSON: return o->json = o->stats = true;
	case OPT_TRACE: return parse_trace(value, o);
	case OPT_STRACE:
		o->strace = true;
		o->strace_file = value;
		return !value || *value ||
		       complain("--strace", "", "a file name is missing behind =");
	case OPT_GDB: o->gdb = value; return true;
	case OPT_DISK: return add_device(devices_add_disk, "--disk", value, o);
	case OPT_NET: return add_device(devices_add_net, "--net", value, o);
	case OPT_RNG: return add_small("--rng", value ? value : "", o);
	case OPT_VIRTIO_CONSOLE: return add_small("--virtio-console", value, o);
	case OPT_PORT: return add_small("--port", value, o);
	case OPT_BALLOON: return add_small("--balloon", value, o);
	case OPT_VSOCK: return add_small("--vsock", value, o);
	case OPT_SHARE: return add_small("--share", value, o);
	case OPT_ROOT: return add_root(value, o);
	case OPT_KASLR:
		if (!parse_choice("--kaslr", value, "off", "on", &second))
			return false;
		o->kaslr = second ? BOOT_KASLR_ON : BOOT_KASLR_OFF;
		return true;
	case OPT_IRQCHIP:
		if (!parse_choice("--irqchip", value, "kernel", "split", &second))
			return false;
		o->irqchip = second ? BOARD_IRQCHIP_SPLIT : BOARD_IRQCHIP_KERNEL;
		return true;
	default: return false; /* getopt_long() has complained */
	}
}

/* One terminal has room for one console: hvc0's, unless --serial says that it wants it. */
static bool choose_serial(struct run_options *options)
{
	const char *hvc = devices_hvc_line(options->devices);
	bool hvc_on_stdio = hvc && strcmp(hvc, "stdio") == 0;

	if (!options->serial)
		options->serial = hvc_on_stdio ? "none" : "stdio";
	return !hvc_on_stdio || strcmp(options->serial, "stdio") != 0;
}

static bool check_together(struct run_options *options)
{
	const char *problem = NULL;

	if (options->flat16 && !options->image)
		problem = "--flat16 needs an IMAGE: a file of 16-bit code";
	else if (options->firmware && !options->flat16)
		problem = "--firmware has a meaning together with --flat16 only";
	else if (options->root && (options->initrd || options->flat16))
		problem = "--root brings its own initial RAM disk, and boots Linux only";
	else if (!choose_serial(options))
		problem = "--serial and --virtio-console can't both be stdio";
	else if (options->flat16 && options->cmdline[0])
		problem = "--cmdline has no meaning for a flat 16-bit program";
	if (problem)
		fprintf(stderr, "vitrine run: %s\n", problem);
	return !problem;
}

enum run_parse run_options_parse(int argc, char **argv, struct run_options *options)
{
	int option;

	*options = (struct run_options){.cmdline = "",
					.cpu = "host",
					.memory_bytes = 256ULL << 20,
					.kaslr = BOOT_KASLR_ON,
					.cpu_count = 1,
					.stop_timeout_ms = STOP_TIMEOUT_DEFAULT_MS};
	if (devices_create(&options->devices) < 0) {
		fprintf(stderr, "vitrine run: out of memory\n");
		return RUN_PARSE_ERROR;
	}
	optind = 1;
	while ((option = getopt_long(argc, argv, "m:c:vh", long_options, NULL)) != -1) {
		if (option == 'h')
			return RUN_PARSE_HELP;
		if (!take(option, optarg, options)) {
			fprintf(stderr, "Try 'vitrine run --help'.\n");
			return RUN_PARSE_ERROR;
		}
	}
	for (; optind < argc; optind++)
		if (!set_image(argv[optind], options))
			return RUN_PARSE_ERROR;
	return check_together(options) ? RUN_PARSE_OK : RUN_PARSE_ERROR;
}
