/* SPDX-License-Identifier: MIT
 *
 * `vitrine dump`: shows what a guest is told about its machine. Runs nothing; only
 * --cpuid needs KVM.
 */
#include <errno.h>
#include <getopt.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board/board.h"
#include "cmd/cmd.h"
#include "cmd/devices.h"
#include "cmd/dump.h"
#include "cmd/run_options.h"
#include "hypercall.h"
#include "memory_map.h"

enum {
	OPT_DTS = 256,
	OPT_ACPI,
	OPT_E820,
	OPT_CPUID,
	OPT_CPU,
	OPT_JSON,
	OPT_IRQCHIP,
	OPT_DEBUG_EXIT,
	OPT_CMDLINE,
	OPT_DISK,
	OPT_NET,
	OPT_SMALL /* one of the small devices, by its name */
};

static const struct option long_options[] = {
	{"dts", no_argument, NULL, OPT_DTS},
	{"acpi", no_argument, NULL, OPT_ACPI},
	{"e820", no_argument, NULL, OPT_E820},
	{"cpuid", no_argument, NULL, OPT_CPUID},
	{"cpu", required_argument, NULL, OPT_CPU},
	{"json", no_argument, NULL, OPT_JSON},
	{"memory", required_argument, NULL, 'm'},
	{"cpus", required_argument, NULL, 'c'},
	{"irqchip", required_argument, NULL, OPT_IRQCHIP},
	{"debug-exit", no_argument, NULL, OPT_DEBUG_EXIT},
	{"cmdline", required_argument, NULL, OPT_CMDLINE},
	{"disk", required_argument, NULL, OPT_DISK},
	{"net", required_argument, NULL, OPT_NET},
	{"rng", optional_argument, NULL, OPT_SMALL},
	{"virtio-console", required_argument, NULL, OPT_SMALL},
	{"port", required_argument, NULL, OPT_SMALL},
	{"balloon", required_argument, NULL, OPT_SMALL},
	{"vsock", required_argument, NULL, OPT_SMALL},
	{"share", required_argument, NULL, OPT_SMALL},
	{"output", required_argument, NULL, 'o'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void print_help(void)
{
	fputs("Usage: vitrine dump --dts|--acpi|--e820|--cpuid [options]\n"
	      "Shows what a guest is told about the machine. Nothing is run.\n"
	      "\n"
	      "      --dts             the device tree, as source text\n"
	      "      --acpi            the ACPI tables, decoded\n"
	      "      --e820            the memory map\n"
	      "      --cpuid           CPUID of the first vCPU on this host; with --json as JSON\n"
	      "  -o, --output PATH     with --dts the binary tree into the file PATH;\n"
	      "                        with --acpi dsdt.aml, facp.aml, … into the directory PATH\n"
	      "The machine, as for vitrine run\n"
	      "  -m, --memory SIZE     guest RAM: 256M, 1G, … (256M)\n"
	      "  -c, --cpus N          vCPUs (1)\n"
	      "      --cpu MODEL       host, or baseline; then ,+feature or ,-feature (host)\n"
	      "      --irqchip KIND    kernel, or split: hardware-reduced ACPI (kernel)\n"
	      "      --debug-exit      with isa-debug-exit\n"
	      "      --cmdline WORDS   kernel command line\n"
	      "      --disk, --net, --share, --vsock, --port, --balloon, --rng, --virtio-console\n"
	      "                        devices as for vitrine run; no image is opened, nothing is started\n"
	      "  -h, --help\n"
	      "\n"
	      "Examples:\n"
	      "  vitrine dump --e820 -m 8G\n"
	      "  vitrine dump --acpi --irqchip split -c 4\n"
	      "  vitrine dump --acpi -o /tmp/acpi && iasl -d /tmp/acpi/dsdt.aml\n"
	      "  vitrine dump --acpi --disk a.img --disk b.img,transport=mmio --net user\n"
	      "  vitrine dump --dts -o board.dtb && fdtdump board.dtb\n",
	      stdout);
}

/* "3.25 GiB", "636 KiB" */
static void print_size(uint64_t size_bytes)
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	unsigned i = 0;
	double size = (double)size_bytes;

	for (; size >= 1024 && i < 4; i++)
		size /= 1024;
	printf("%10.6g %s", size, unit[i]);
}

static int dump_e820(const struct board *board)
{
	static const char *const type[] = {"?", "RAM", "reserved", "ACPI"};
	struct board_e820_entry entry[BOARD_E820_MAX];
	unsigned count = board_build_e820(board, entry);

	printf("%-12s   %-12s %14s  %s\n", "first", "last", "size", "type");
	for (unsigned i = 0; i < count; i++) {
		printf("0x%010llx – 0x%010llx ", (unsigned long long)entry[i].gpa,
		       (unsigned long long)(entry[i].gpa + entry[i].size_bytes - 1));
		print_size(entry[i].size_bytes);
		printf("  %s\n", type[entry[i].type]);
	}
	return VITRINE_EXIT_OK;
}

static int host_error(const char *what, int err)
{
	fprintf(stderr, "vitrine dump: %s: %s\n", what, strerror(-err));
	return VITRINE_EXIT_HOST;
}

static int save_fdt(const char *path, const void *fdt, size_t len_bytes)
{
	FILE *file = fopen(path, "wb");

	if (!file)
		return host_error(path, -errno);
	size_t written = fwrite(fdt, 1, len_bytes, file);

	if (fclose(file) || written != len_bytes)
		return host_error(path, -errno);
	return VITRINE_EXIT_OK;
}

static int dump_dts(const struct board *board, const char *path)
{
	void *fdt = malloc(FDT_MAX_BYTES);
	int status = VITRINE_EXIT_OK;

	if (!fdt)
		return host_error("device tree", -ENOMEM);
	int len_bytes = board_build_fdt(board, fdt, FDT_MAX_BYTES);

	if (len_bytes < 0)
		status = host_error("the device tree does not fit into its place", len_bytes);
	else if (path)
		status = save_fdt(path, fdt, (size_t)len_bytes);
	else
		dump_fdt(stdout, fdt);
	free(fdt);
	return status;
}

static int dump_acpi_tables(const struct board *board, const char *path)
{
	void *tables = malloc(ACPI_TABLES_MAX_BYTES);

	if (!tables)
		return host_error("ACPI tables", -ENOMEM);
	int len_bytes = board_build_acpi(board, GPA_ACPI_TABLES, tables, ACPI_TABLES_MAX_BYTES);
	int err = len_bytes < 0 ? len_bytes : 0;

	if (err)
		host_error("the ACPI tables do not fit into their place", err);
	else if (path)
		err = dump_acpi_files(path, tables, (size_t)len_bytes, GPA_ACPI_TABLES);
	else
		err = dump_acpi(stdout, tables, (size_t)len_bytes, GPA_ACPI_TABLES);
	free(tables);
	return err ? VITRINE_EXIT_HOST : VITRINE_EXIT_OK;
}

static int usage(const char *text)
{
	fprintf(stderr, "vitrine dump: %s\nTry 'vitrine dump --help'.\n", text);
	return VITRINE_EXIT_USAGE;
}

/* What the command line asks for. */
struct request {
	struct board board;
	int what; /* OPT_DTS, …; 0: nothing yet */
	const char *path;
	const char *cpu;
	bool json;
	struct devices *devices;
	char complaint[640];
};

/* A device's option; name is without dashes. NULL, or what is wrong with it. */
static const char *take_device(int option, const char *name, const char *value,
			       struct request *request)
{
	struct devices *devices = request->devices;
	char err[512] = "";
	int error = option == OPT_DISK	? devices_add_disk(devices, value, err, sizeof(err))
		    : option == OPT_NET ? devices_add_net(devices, value, err, sizeof(err))
					: devices_add_small(devices, name, value ? value : "", err,
							    sizeof(err));

	if (!error)
		return NULL;
	snprintf(request->complaint, sizeof(request->complaint), "--%s: %s", name, err);
	return request->complaint;
}

/* One option. NULL, or what is wrong with it. */
static const char *take(int option, const char *name, const char *value, struct request *request)
{
	struct board *board = &request->board;
	char *end;

	switch (option) {
	case OPT_DTS:
	case OPT_ACPI:
	case OPT_E820:
	case OPT_CPUID:
		if (request->what)
			return "only one of --dts, --acpi, --e820 and --cpuid at a time";
		request->what = option;
		return NULL;
	case 'm':
		if (parse_size(value, &board->memory_bytes) || board->memory_bytes < 16ULL << 20 ||
		    board->memory_bytes > 512ULL << 30 || board->memory_bytes % 4096)
			return "--memory must be a size from 16M to 512G, a multiple of 4K";
		return NULL;
	case 'c':
		board->cpu_count = (unsigned)strtoul(value, &end, 10);
		if (*end || strlen(value) > 3 || !board->cpu_count ||
		    board->cpu_count > BOARD_CPU_MAX)
			return "--cpus must be a number from 1 to 255";
		return NULL;
	case OPT_IRQCHIP:
		if (strcmp(value, "kernel") != 0 && strcmp(value, "split") != 0)
			return "--irqchip must be kernel or split";
		board->irqchip = *value == 'k' ? BOARD_IRQCHIP_KERNEL : BOARD_IRQCHIP_SPLIT;
		return NULL;
	case OPT_DEBUG_EXIT: board->debug_exit = true; return NULL;
	case OPT_CMDLINE: board->cmdline = value; return NULL;
	case OPT_DISK:
	case OPT_NET:
	case OPT_SMALL: return take_device(option, name, value, request);
	case OPT_CPU: request->cpu = value; return NULL;
	case OPT_JSON: request->json = true; return NULL;
	case 'o': request->path = value; return NULL;
	default: return "this is not an option of dump"; /* getopt_long() has named it */
	}
}

static int dump_processor(const struct request *request)
{
	int err = dump_cpuid(stdout, request->cpu, request->board.cpu_count, request->json);

	return !err ? VITRINE_EXIT_OK : err == -EINVAL ? VITRINE_EXIT_USAGE : VITRINE_EXIT_HOST;
}

static int place_devices(struct request *request)
{
	struct board *board = &request->board;
	char err[256] = "";

	if (devices_place(request->devices, err, sizeof(err)))
		return usage(err);
	board->plugin = devices_plugins(request->devices, &board->plugin_count);
	return VITRINE_EXIT_OK;
}

static int dump(const struct request *request)
{
	struct board_fault why;
	bool to_file = request->what == OPT_DTS || request->what == OPT_ACPI;

	if (!request->what)
		return usage("say what to show: --dts, --acpi, --e820 or --cpuid");
	if (request->path && !to_file)
		return usage("--output goes with --dts and --acpi");
	if (request->json && request->what != OPT_CPUID)
		return usage("--json goes with --cpuid");
	if (board_check(&request->board, &why) && request->board.plugin_count)
		return usage(why.text);
	if (board_check(&request->board, &why)) {
		fprintf(stderr, "vitrine dump: the board table is wrong: %s\n", why.text);
		return VITRINE_EXIT_HOST;
	}
	switch (request->what) {
	case OPT_DTS: return dump_dts(&request->board, request->path);
	case OPT_ACPI: return dump_acpi_tables(&request->board, request->path);
	case OPT_E820: return dump_e820(&request->board);
	default: return dump_processor(request);
	}
}

static int parse_and_dump(int argc, char **argv, struct request *request)
{
	const char *complaint;
	int option, number = 0, status;

	optind = 1;
	while ((option = getopt_long(argc, argv, "m:c:o:h", long_options, &number)) != -1) {
		if (option == 'h') {
			print_help();
			return VITRINE_EXIT_OK;
		}
		complaint = take(option, long_options[number].name, optarg, request);
		if (complaint)
			return usage(complaint);
	}
	if (optind < argc)
		return usage("takes no IMAGE, only options");
	status = place_devices(request);
	return status ? status : dump(request);
}

int cmd_dump(int argc, char **argv)
{
	/* No VM is there to ask for its TSC and hypercalls: what every host has is shown. */
	struct request request = {
		.cpu = "host",
		.board = {.memory_bytes = 256ULL << 20,
			  .cpu_count = 1,
			  .cmdline = "",
			  .hypercall_gpa = GPA_HYPERCALL_PAGE,
			  .hypercall_features = HYPERCALL_FEATURE_CONSOLE |
						HYPERCALL_FEATURE_YIELD | HYPERCALL_FEATURE_EXIT |
						HYPERCALL_FEATURE_DOORBELL |
						HYPERCALL_FEATURE_COUNTERS |
						HYPERCALL_FEATURE_MULTICALL},
	};
	int status = devices_create(&request.devices);

	status = status ? host_error("devices", status) : parse_and_dump(argc, argv, &request);
	devices_destroy(request.devices);
	return status;
}
