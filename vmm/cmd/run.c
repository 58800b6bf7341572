/* SPDX-License-Identifier: MIT
 *
 * `vitrine run`: one VM from its command line to its exit status.
 *
 *     options → image → console → [ machine: create → start → loop until it ends → stop ] → report
 *                                 \______________ again for each guest reset _________/
 *
 * Everything here runs in the main thread, in the event loop; vCPUs have threads of their own.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "backend/console.h"
#include "backend/paths.h"
#include "board/machine.h"
#include "boot/root_initrd.h"
#include "cmd/cmd.h"
#include "cmd/devices.h"
#include "cmd/run_options.h"
#include "cmd/run_report.h"
#include "gdb/stub.h"
#include "kvm/cpuid.h"
#include "kvm/dirty.h"
#include "loop/clock.h"
#include "loop/loop.h"
#include "memory_map.h"
#include "observe/dirty_trace.h"
#include "observe/syscall_trace.h"
#include "observe/trace.h"

#define TEXT_MAX 512
#define PATH_BYTES 4200

struct run {
	struct run_options options;
	char **argv;
	struct run_report *report; /* NULL: nobody wants it */
	struct loop *loop;
	struct console *console;
	struct trace *trace;
	struct syscall_trace *syscall_trace;
	struct dirty_trace *dirty_trace;
	struct boot_image *image;
	struct cpuid_model cpu_model;
	struct machine *machine; /* the present power cycle's */
	struct gdb *gdb;	 /* NULL without --gdb */
	struct loop_timer *timeout;
	struct loop_timer *stop_timeout;
	uint8_t *firmware;
	int initrd_fd;		      /* --root: what was made for it; -1: none */
	char initrd_path[PATH_BYTES]; /* that, or the bundled one, as the loader finds it */
	int signal_fd;
	int ended_by_signal;   /* 0: by none */
	enum vm_end user_wish; /* an end that the user asked for */
	char cmdline[CMDLINE_MAX_BYTES];
	char image_path[PATH_BYTES];
	char firmware_path[PATH_BYTES];
	char cache_dir[PATH_BYTES];
};

static int fail(int status, const char *text)
{
	fprintf(stderr, "vitrine: %s\n", text);
	return status;
}

static void request_end(struct run *run, enum vm_end end)
{
	run->user_wish = end;
	vm_control_request(machine_control(run->machine), end, 0);
}

/* --- what can happen while the VM runs --- */

static void machine_ended(void *ctx)
{
	struct run *run = ctx;

	loop_stop(run->loop);
}

static void key_pressed(void *ctx, char key)
{
	struct run *run = ctx;

	if (key == 'x') {
		fputc('\n', stderr); /* the shell's prompt shall not stand behind the guest's */
		request_end(run, VM_END_USER_QUIT);
		return;
	}
	fputs("\nvitrine: Ctrl-A x  quit    Ctrl-A Ctrl-A  send Ctrl-A    Ctrl-A h  this help\n",
	      stderr);
}

static void timeout_over(void *ctx)
{
	request_end(ctx, VM_END_TIMEOUT);
}

static void stop_timeout_over(void *ctx)
{
	struct run *run = ctx;

	fprintf(stderr, "vitrine: the guest did not power off within %g s of the power button\n",
		run->options.stop_timeout_ms / 1000.0);
	request_end(run, VM_END_USER_QUIT);
}

/* The first signal presses the power button, the second ends the VM. */
static void signal_came(void *ctx, uint32_t events)
{
	struct run *run = ctx;
	struct signalfd_siginfo info;

	(void)events;
	if (read(run->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (run->ended_by_signal) {
		request_end(run, VM_END_USER_QUIT);
		return;
	}
	run->ended_by_signal = (int)info.ssi_signo;
	machine_press_power_button(run->machine);
	loop_timer_arm(run->stop_timeout, run->options.stop_timeout_ms * 1000000ULL + 1);
}

/* --- preparing --- */

static int watch_signals(struct run *run)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	run->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return run->signal_fd < 0
		       ? -errno
		       : loop_add_fd(run->loop, run->signal_fd, EPOLLIN, signal_came, run);
}

static int create_loop(struct run *run)
{
	int error = loop_create(&run->loop);

	if (!error)
		error = loop_timer_create(run->loop, timeout_over, run, &run->timeout);
	if (!error)
		error = loop_timer_create(run->loop, stop_timeout_over, run, &run->stop_timeout);
	if (!error)
		error = watch_signals(run);
	return error;
}

/* What micro-VM launchers add for Linux; the handbook says what each word does. The user's words come
 * behind: of two that contradict each other, Linux takes the last. */
static const char linux_words[] = "console=ttyS0 cryptomgr.notests";

static const char hvc_words[] = " console=hvc0"; /* with --virtio-console: messages go there too */

static const char root_words[] = " rootfstype=virtiofs root=" ROOT_TAG " rw"; /* with --root */

static int make_cmdline(struct run *run)
{
	enum boot_kind kind = boot_image_kind(run->image);
	bool is_linux = kind == BOOT_BZIMAGE || kind == BOOT_PVH_ELF;
	const char *words = is_linux && !run->options.no_default_cmdline ? linux_words : "";
	const char *root = run->options.root ? root_words : "";
	const char *hvc = words[0] && devices_hvc_line(run->options.devices) ? hvc_words : "";
	int length = snprintf(run->cmdline, sizeof(run->cmdline), "%s%s%s%s%s", words, hvc, root,
			      words[0] && run->options.cmdline[0] ? " " : "", run->options.cmdline);

	if (length >= (int)sizeof(run->cmdline)) {
		fprintf(stderr, "vitrine: --cmdline: %d characters are too many; %d are possible\n",
			length, CMDLINE_MAX_BYTES - 1);
		return VITRINE_EXIT_USAGE;
	}
	return 0;
}

/* With --root: kernel and initial RAM disk come from the folder. */
static int find_root(struct run *run)
{
	char err[TEXT_MAX] = "";

	if (!run->options.root)
		return 0;
	if (!run->options.image &&
	    root_find_kernel(run->options.root, run->image_path, err, sizeof(err)) < 0)
		return fail(VITRINE_EXIT_USAGE, err);
	if (!run->options.image)
		run->options.image = run->image_path;
	run->initrd_fd = root_make_initrd(run->options.root, run->options.image, err, sizeof(err));
	if (run->initrd_fd < 0)
		return fail(VITRINE_EXIT_USAGE, err);
	snprintf(run->initrd_path, sizeof(run->initrd_path), "/proc/self/fd/%d", run->initrd_fd);
	run->options.initrd = run->initrd_path;
	return 0;
}

static int find_image(struct run *run)
{
	if (run->options.image)
		return 0;
	run->options.image = run->image_path;
	if (path_find_data("guest/vitrine-guest", run->image_path, sizeof(run->image_path)) == 0) {
		/* Its user land; without it the kernel has its own prompt. */
		if (!run->options.initrd && path_find_data("guest/initramfs.cpio", run->initrd_path,
							   sizeof(run->initrd_path)) == 0)
			run->options.initrd = run->initrd_path;
		return 0;
	}
	return fail(
		VITRINE_EXIT_HOST,
		"the bundled guest is not installed beside vitrine; build it with make, or name an "
		"IMAGE");
}

static int find_firmware(struct run *run, struct boot_error *error)
{
	if (!run->options.flat16)
		return 0;
	if (!run->options.firmware) {
		if (path_find_data("bios/vitrine-bios.bin", run->firmware_path,
				   sizeof(run->firmware_path)) < 0)
			return fail(
				VITRINE_EXIT_HOST,
				"the firmware is not installed beside vitrine; build it with make, or "
				"name one with --firmware");
		run->options.firmware = run->firmware_path;
	}
	if (boot_read_firmware(run->options.firmware, &run->firmware, error) < 0)
		return fail(VITRINE_EXIT_USAGE, error->text);
	return 0;
}

static int open_image(struct run *run)
{
	struct boot_error error = {{0}};
	struct boot_options options = {.flat16 = run->options.flat16, .kaslr = run->options.kaslr};
	int status = find_root(run);

	if (!status)
		status = find_image(run);
	if (!status)
		status = find_firmware(run, &error);
	if (status)
		return status;
	options.image_path = run->options.image;
	options.initrd_path = run->options.initrd;
	options.firmware_path = run->options.firmware;
	if (path_cache_dir(run->cache_dir, sizeof(run->cache_dir)) == 0)
		options.cache_dir = run->cache_dir;
	if (boot_image_open(&options, &run->image, &error) < 0)
		return fail(VITRINE_EXIT_USAGE, error.text);
	return make_cmdline(run);
}

static bool open_strace(struct run *run)
{
	int err = run->options.strace
			  ? syscall_trace_open(run->options.strace_file, &run->syscall_trace)
			  : 0;

	if (err < 0)
		fprintf(stderr, "vitrine: --strace=%s: %s\n", run->options.strace_file,
			strerror(-err));
	return !err;
}

static int prepare(struct run *run)
{
	struct console_keys keys = {.command = key_pressed, .ctx = run};
	char err[TEXT_MAX] = "";
	int status, error;

	if (cpuid_parse_model(run->options.cpu, &run->cpu_model, err, sizeof(err)) < 0)
		return fail(VITRINE_EXIT_USAGE, err);
	status = open_image(run);
	if (status)
		return status;
	if (create_loop(run) < 0)
		return fail(VITRINE_EXIT_HOST, "can't set up the event loop");
	if (run->options.trace_exits &&
	    trace_open(run->options.trace_file, run->options.trace_registers, &run->trace) < 0) {
		fprintf(stderr, "vitrine: --trace exits=%s: %s\n", run->options.trace_file,
			strerror(errno));
		return VITRINE_EXIT_USAGE;
	}
	if (!open_strace(run))
		return VITRINE_EXIT_USAGE;
	if (run->options.dirty_file[0] &&
	    (error = dirty_trace_open(run->options.dirty_file, run->options.dirty_every_ms,
				      run->loop, &run->dirty_trace)) < 0) {
		fprintf(stderr, "vitrine: --trace dirty=%s: %s\n", run->options.dirty_file,
			strerror(-error));
		return VITRINE_EXIT_USAGE;
	}
	if (devices_open(run->options.devices, run->options.cpu_count, run->argv, run->loop, &keys,
			 err, sizeof(err)) < 0)
		return fail(VITRINE_EXIT_USAGE, err);
	if (run->options.dry_run)
		return 0;
	if (console_open("--serial", run->options.serial, run->loop, &keys, &run->console, err,
			 sizeof(err)) < 0)
		return fail(VITRINE_EXIT_USAGE, err);
	if (run->options.gdb &&
	    gdb_open(run->options.gdb, run->loop, &run->gdb, err, sizeof(err)) < 0)
		return fail(VITRINE_EXIT_USAGE, err);
	if (run->options.stats && !(run->report = calloc(1, sizeof(*run->report))))
		return fail(VITRINE_EXIT_HOST, "out of memory");
	if (run->options.timeout_ms)
		loop_timer_arm(run->timeout, run->options.timeout_ms * 1000000ULL);
	return 0;
}

/* --- power cycles --- */

static struct machine_setup machine_setup(struct run *run)
{
	unsigned plugin_count;
	const struct board_plugin *plugin = devices_plugins(run->options.devices, &plugin_count);

	return (struct machine_setup){
		.board = {.memory_bytes = run->options.memory_bytes,
			  .cpu_count = run->options.cpu_count,
			  .irqchip = run->options.irqchip,
			  .debug_exit = run->options.debug_exit,
			  .cmdline = run->cmdline,
			  .plugin = plugin,
			  .plugin_count = plugin_count},
		.image = run->image,
		.firmware = run->firmware,
		.cpu_model = &run->cpu_model,
		.loop = run->loop,
		.console = run->console,
		.trace = run->trace,
		.syscall_trace = run->syscall_trace,
		.hugepages = run->options.hugepages,
		.log_dirty = run->dirty_trace,
		.ended = machine_ended,
		.ctx = run,
	};
}

static void say_where_memory_is(const struct gmem *mem)
{
	for (unsigned i = 0; i < mem->region_count; i++) {
		const struct gmem_region *region = &mem->region[i];

		fprintf(stderr,
			"vitrine: RAM: guest physical %#" PRIx64 " to %#" PRIx64
			" is host virtual %p\n",
			region->gpa, region->gpa + region->size_bytes, (void *)region->hva);
	}
}

static void say_what_runs(const struct run *run)
{
	const struct boot_report *report = machine_boot_report(run->machine);

	fprintf(stderr, "vitrine: %s\n", report->description);
	if (report->detail[0])
		fprintf(stderr, "vitrine: %s\n", report->detail);
	say_where_memory_is(vm_memory(machine_vm(run->machine)));
	fprintf(stderr, "vitrine: %u vCPU%s, %llu MiB, command line: %s\n", run->options.cpu_count,
		run->options.cpu_count == 1 ? "" : "s",
		(unsigned long long)(run->options.memory_bytes >> 20),
		run->cmdline[0] ? run->cmdline : "(empty)");
}

/* Linux needs instructions in ring 0 that KVM's emulator does not have. */
static bool host_can_run(struct run *run)
{
	enum boot_kind kind = boot_image_kind(run->image);

	return !vm_is_deprivileged(machine_vm(run->machine)) ||
	       (kind != BOOT_BZIMAGE && kind != BOOT_PVH_ELF);
}

/* The vCPUs stand afterwards; if one can't be made to, the process ends here. */
static void stop_machine(struct run *run, uint64_t run_ns)
{
	if (machine_stop(run->machine) == -ETIMEDOUT) {
		/* The thread is lost inside the kernel; nothing it uses may be freed. */
		console_close(run->console);
		trace_close(run->trace);
		_exit(fail(VITRINE_EXIT_HOST,
			   "a vCPU hangs inside KVM and can't be stopped; leaving without it"));
	}
	dirty_trace_stop(run->dirty_trace);
	gdb_detach_vm(run->gdb);
	if (run->report)
		run_report_gather(run->report, run->machine, run_ns);
}

static int64_t take_dirty_count(void *vm)
{
	return vm_take_dirty_count(vm);
}

/* Runs one power cycle; its end and the end's value, or a status > 0 after an error. */
static int run_cycle(struct run *run, enum vm_end *end, uint32_t *value)
{
	struct machine_setup setup = machine_setup(run);
	char err[TEXT_MAX] = "";

	int error = machine_create(&setup, &run->machine, err, sizeof(err));
	if (error)
		return fail(error == -ENOEXEC ? VITRINE_EXIT_USAGE : VITRINE_EXIT_HOST, err);
	if (run->options.verbose || run->options.dry_run)
		say_what_runs(run);
	if (!host_can_run(run))
		return fail(
			VITRINE_EXIT_HOST,
			"this host's KVM is deprivileged (no VT-x, no AMD-V): ring 0 goes through an "
			"instruction emulator that lacks what Linux needs; use scripts/sandbox "
			"--engine svm, or run the bundled guest");
	if (run->options.dry_run)
		return 0;
	gdb_attach_vm(run->gdb, machine_vm(run->machine));
	dirty_trace_start(run->dirty_trace, take_dirty_count, machine_vm(run->machine));
	uint64_t begin_ns = clock_read_ns(CLOCK_MONOTONIC);
	error = machine_start(run->machine, gdb_wants_wait(run->gdb), err, sizeof(err));
	if (error) {
		dirty_trace_stop(run->dirty_trace);
		gdb_detach_vm(run->gdb);
		return fail(VITRINE_EXIT_HOST, err);
	}
	error = loop_run(run->loop);
	*end = vm_control_pending(machine_control(run->machine), value);
	stop_machine(run, clock_read_ns(CLOCK_MONOTONIC) - begin_ns);
	return error ? fail(VITRINE_EXIT_HOST, strerror(-error)) : 0;
}

/* A guest that resets itself in the very moment of the user's wish to end it, or instead of powering off,
 * does not live on. */
static enum vm_end end_of_cycle(const struct run *run, enum vm_end end)
{
	if (end != VM_END_RESET || run->options.no_reboot)
		return end;
	if (run->user_wish != VM_END_NONE)
		return run->user_wish;
	return run->ended_by_signal ? VM_END_USER_QUIT : end;
}

static int run_cycles(struct run *run)
{
	enum vm_end end = VM_END_NONE;
	uint32_t value = 0;
	uint64_t teardown_kvm_ns;
	int status;

	for (;;) {
		status = run_cycle(run, &end, &value);
		if (status || run->options.dry_run)
			break;
		end = end_of_cycle(run, end);
		if (end != VM_END_RESET || run->options.no_reboot) {
			status = run_exit_status(&run->options, end, value);
			break;
		}
		machine_destroy(run->machine);
		run->machine = NULL;
	}
	teardown_kvm_ns = machine_destroy(run->machine);
	run->machine = NULL;
	if (end != VM_END_USER_QUIT)
		run->ended_by_signal = 0;
	console_close(run->console);
	run->console = NULL;
	if (run->report && end != VM_END_NONE) {
		run->report->teardown_kvm_ns = teardown_kvm_ns;
		run_report_print(run->report, run->options.cpu_count, end, value,
				 run->options.json);
	}
	return status;
}

static void clean_up(struct run *run)
{
	machine_destroy(run->machine);
	devices_destroy(run->options.devices);
	gdb_close(run->gdb);
	console_close(run->console);
	trace_close(run->trace);
	syscall_trace_close(run->syscall_trace);
	dirty_trace_close(run->dirty_trace);
	free(run->report);
	boot_image_close(run->image);
	free(run->firmware);
	loop_timer_destroy(run->timeout);
	loop_timer_destroy(run->stop_timeout);
	if (run->signal_fd >= 0)
		close(run->signal_fd);
	if (run->initrd_fd >= 0)
		close(run->initrd_fd);
	loop_destroy(run->loop);
}

/* Ends the process by the signal that ended the VM, so that the caller can tell. */
static void raise_again(int number)
{
	sigset_t mask;

	signal(number, SIG_DFL);
	sigemptyset(&mask);
	sigaddset(&mask, number);
	pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
	raise(number);
}

int cmd_run(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run));
	int status;

	if (!run)
		return fail(VITRINE_EXIT_HOST, "out of memory");
	run->argv = argv;
	run->signal_fd = run->initrd_fd = -1;
	switch (run_options_parse(argc, argv, &run->options)) {
	case RUN_PARSE_HELP:
		run_options_help();
		devices_destroy(run->options.devices);
		free(run);
		return VITRINE_EXIT_OK;
	case RUN_PARSE_ERROR:
		devices_destroy(run->options.devices);
		free(run);
		return VITRINE_EXIT_USAGE;
	case RUN_PARSE_OK: break;
	}
	status = prepare(run);
	if (!status)
		status = run_cycles(run);
	gdb_report_end(run->gdb, status);
	int ended_by_signal = run->ended_by_signal;
	clean_up(run);
	free(run);
	if (ended_by_signal)
		raise_again(ended_by_signal);
	return status;
}
