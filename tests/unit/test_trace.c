/* SPDX-License-Identifier: MIT
 *
 * The exit trace: each kind of line, buffering, threads, and a disk that is full.
 */
#include "observe/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hypercall.h"
#include "observe/known_places.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define THREADS 4
#define LINES_EACH 20000

static const char *register_name(unsigned region, uint64_t offset, bool is_write)
{
	(void)region;
	if (offset == 0)
		return is_write ? "THR" : "RBR";
	return offset == 5 ? "LSR" : NULL;
}

static const struct device_ops uart_ops = {.name = "16550a", .register_name = register_name};
static const struct device_ops mute_ops = {.name = "mute"};
static struct device uart = {.ops = &uart_ops, .name = "com1"};
static struct device mute = {.ops = &mute_ops, .name = "mute0"};
static const struct bus_window com1 = {.base = 0x3f8, .size_bytes = 8, .dev = &uart};
static const struct bus_window mmio = {.base = 0xd0000000, .size_bytes = 0x1000, .dev = &mute};

/* A bridge: what is above its first 16 bytes is the UART's. */
static const struct device *behind(const struct device *dev, unsigned *region, uint64_t *offset)
{
	(void)dev;
	if (*offset < 16)
		return NULL;
	*region = 0;
	*offset -= 16;
	return &uart;
}

static const struct device_ops bridge_ops = {.name = "bridge", .behind = behind};
static struct device bridge = {.ops = &bridge_ops, .name = "bridge0"};
static const struct bus_window ports = {.base = 0xc000, .size_bytes = 0x100, .dev = &bridge};

static void names_the_device_behind_a_bridge(void **state)
{
	struct trace_exit exit = {.reason = EXIT_PIO_READ,
				  .address = 0xc015,
				  .width = 1,
				  .count = 1,
				  .window = &ports};
	char line[256];

	(void)state;
	trace_format(&exit, 0, line, sizeof(line));
	assert_non_null(strstr(line, "  com1 LSR (0xc015/1) = 0x0"));
	exit.address = 0xc004;
	trace_format(&exit, 0, line, sizeof(line));
	assert_non_null(strstr(line, "  bridge0 +0x4 (0xc004/1) = 0x0"));
}

static void shows_registers_if_asked_to(void **state)
{
	const struct trace_registers regs = {
		.rax = 1, .rdx = 0x3f8, .rsp = UINT64_MAX, .rflags = 2};
	struct trace_exit exit = {.reason = EXIT_HLT, .rip = 0x1000, .registers = &regs};
	char line[384];

	(void)state;
	trace_format(&exit, 0, line, sizeof(line));
	assert_non_null(strstr(line, "  rip 0x1000  rax 0x1 rbx 0x0 rcx 0x0 rdx 0x3f8 rsi 0x0 "
				     "rdi 0x0 rsp 0xffffffffffffffff rflags 0x2"));
}

static void formats_each_kind(void **state)
{
	static const struct {
		struct trace_exit exit;
		const char *what;
	} cases[] = {
		{{.reason = EXIT_PIO_WRITE,
		  .address = 0x3f8,
		  .width = 1,
		  .count = 1,
		  .value = 'H',
		  .window = &com1},
		 "pio-write       com1 THR (0x3f8/1) = 0x48 'H'"},
		{{.reason = EXIT_PIO_WRITE,
		  .address = 0x3f8,
		  .width = 1,
		  .count = 1,
		  .value = '\n',
		  .window = &com1},
		 "pio-write       com1 THR (0x3f8/1) = 0xa '\\n'"},
		{{.reason = EXIT_PIO_WRITE,
		  .address = 0x3f8,
		  .width = 1,
		  .count = 1,
		  .value = 0,
		  .window = &com1},
		 "pio-write       com1 THR (0x3f8/1) = 0x0"},
		{{.reason = EXIT_PIO_WRITE,
		  .address = 0x3f8,
		  .width = 1,
		  .count = 1,
		  .value = 0x1b,
		  .window = &com1},
		 "pio-write       com1 THR (0x3f8/1) = 0x1b '\\e'"},
		{{.reason = EXIT_PIO_WRITE,
		  .address = 0x3f8,
		  .width = 1,
		  .count = 1,
		  .value = 0xe9,
		  .window = &com1},
		 "pio-write       com1 THR (0x3f8/1) = 0xe9"},
		{{.reason = EXIT_PIO_READ,
		  .address = 0x3fd,
		  .width = 1,
		  .count = 1,
		  .value = 0x60,
		  .window = &com1},
		 "pio-read        com1 LSR (0x3fd/1) = 0x60"},
		{{.reason = EXIT_PIO_READ,
		  .address = 0x3f9,
		  .width = 1,
		  .count = 1,
		  .value = 0,
		  .window = &com1},
		 "pio-read        com1 +0x1 (0x3f9/1) = 0x0"},
		{{.reason = EXIT_MMIO_READ,
		  .address = 0xd0000010,
		  .width = 8,
		  .count = 1,
		  .value = UINT64_MAX,
		  .window = &mmio},
		 "mmio-read       mute0 +0x10 (0xd0000010/8) = 0xffffffffffffffff"},
		{{.reason = EXIT_PIO_READ, .address = 0x1f0, .width = 2, .count = 256, .value = 1},
		 "pio-read        IDE 1, nobody there (0x1f0/2 x 256) = 0x1"},
		{{.reason = EXIT_PIO_WRITE, .address = 0x80, .width = 1, .count = 1},
		 "pio-write       POST code or delay, nobody there (0x80/1) = 0x0"},
		{{.reason = EXIT_PIO_WRITE,
		  .address = 0xcf8,
		  .width = 4,
		  .count = 1,
		  .value = 0x80000000},
		 "pio-write       PCI config address, nobody there (0xcf8/4) = 0x80000000"},
		{{.reason = EXIT_PIO_READ,
		  .address = 0x1234,
		  .width = 1,
		  .count = 1,
		  .value = 0xff},
		 "pio-read        nobody there (0x1234/1) = 0xff"},
		/* A port number is no address: 0x3c0 is VGA only among the ports. */
		{{.reason = EXIT_MMIO_WRITE, .address = 0x3c0, .width = 4, .count = 1},
		 "mmio-write      nobody there (0x3c0/4) = 0x0"},
		{{.reason = EXIT_MMIO_READ, .address = 0xfed000f0, .width = 4, .count = 1},
		 "mmio-read       HPET, nobody there (0xfed000f0/4) = 0x0"},
		{{.reason = EXIT_HYPERCALL, .address = HYPERCALL_CONSOLE_WRITE, .value = 14},
		 "hypercall       console-write (#1) = 0xe"},
		{{.reason = EXIT_HYPERCALL, .address = 77, .value = (uint64_t)-38},
		 "hypercall       unknown (#77) = -ENOSYS"},
		{{.reason = EXIT_HYPERCALL, .address = UINT64_MAX, .value = (uint64_t)-4000},
		 "hypercall       unknown (#18446744073709551615) = 0xfffffffffffff060"},
		{{.reason = EXIT_HLT}, "hlt"},
		{{.reason = EXIT_HLT, .rip = 0xffffffff81000000},
		 "hlt             rip 0xffffffff81000000"},
		{{.reason = EXIT_SHUTDOWN}, "shutdown        triple fault"},
		{{.reason = EXIT_IOAPIC_EOI, .address = 0x31}, "ioapic-eoi      vector 0x31"},
		{{.reason = EXIT_PIO_READ, .address = 0x71, .width = 1, .count = 1, .rip = 0x1000},
		 "pio-read        CMOS RTC, nobody there (0x71/1) = 0x0  rip 0x1000"},
		{{.reason = EXIT_INTERNAL_ERROR, .value = 1}, "internal-error  0x1"},
		{{.reason = (enum exit_reason)99, .value = 1}, "unknown         0x1"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct trace_exit exit = cases[i].exit;
		char line[256];

		exit.vcpu = 3;
		exit.start_ns = 5000000000 + 1042113;
		exit.end_ns = exit.start_ns + 412;
		int len = trace_format(&exit, 5000000000, line, sizeof(line));
		assert_int_equal(len, strlen(line));
		assert_memory_equal(line, "3          1042.113      0.412  ", 32);
		assert_string_equal(line + 32, cases[i].what);
	}
}

static void end_may_be_unknown(void **state)
{
	struct trace_exit exit = {.start_ns = 2500, .reason = EXIT_HLT};
	char line[256];

	(void)state;
	trace_format(&exit, 1000, line, sizeof(line));
	assert_string_equal(line, "0             1.500          -  hlt");
}

static void cuts_off_what_does_not_fit(void **state)
{
	struct trace_exit exit = {
		.reason = EXIT_PIO_WRITE, .address = 0x3f8, .width = 1, .window = &com1, .rip = 1};

	(void)state;
	for (unsigned size = 0; size < 100; size++) {
		char *line = malloc(size + 1);

		line[size] = 'x';
		int len = trace_format(&exit, 0, line, size);
		assert_int_equal(line[size], 'x');
		assert_true(size ? len < (int)size && line[len] == '\0' : len == 0);
		free(line);
	}
}

static void knows_places(void **state)
{
	(void)state;
	assert_string_equal(known_place(BUS_PIO, 0x61), "speaker and NMI control");
	assert_string_equal(known_place(BUS_PIO, 0x2ff), "COM2");
	assert_string_equal(known_place(BUS_PIO, 0x3f2), "floppy");
	assert_string_equal(known_place(BUS_PIO, 0x3df), "VGA");
	assert_null(known_place(BUS_PIO, 0x3e0));
	assert_null(known_place(BUS_PIO, UINT64_MAX));
	assert_null(known_place(BUS_MMIO, 0xfed00400));
	assert_null(known_place(BUS_MMIO, UINT64_MAX));
}

/* --- the file --- */

struct writer {
	struct trace *trace;
	unsigned vcpu;
};

static void *write_lines(void *ctx)
{
	const struct writer *w = ctx;

	for (unsigned i = 0; i < LINES_EACH; i++) {
		uint64_t now = trace_start_ns(w->trace) + i * 1000;
		struct trace_exit exit = {.vcpu = w->vcpu,
					  .start_ns = now,
					  .end_ns = now + 1,
					  .reason = EXIT_PIO_WRITE,
					  .address = 0x3f8,
					  .width = 1,
					  .count = 1,
					  .value = 'A' + w->vcpu,
					  .window = &com1};

		trace_write(w->trace, &exit);
	}
	return NULL;
}

static void lines_never_mix_nor_get_lost(void **state)
{
	char path[] = "/tmp/vitrine-trace-XXXXXX", line[256];
	pthread_t thread[THREADS];
	struct writer writer[THREADS];
	unsigned seen[THREADS] = {0};
	struct trace *trace;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(trace_open(path, false, &trace), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		writer[i] = (struct writer){trace, i};
		pthread_create(&thread[i], NULL, write_lines, &writer[i]);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	trace_close(trace);

	FILE *in = fopen(path, "r");
	assert_non_null(fgets(line, sizeof(line), in));
	assert_memory_equal(line, "vcpu      time/us", 17);
	while (fgets(line, sizeof(line), in)) {
		unsigned vcpu, time, ns, took, value;
		char end;

		assert_int_equal(sscanf(line,
					"%u %u.%u 0.%u pio-write com1 THR (0x3f8/1) = 0x%x 'A%c",
					&vcpu, &time, &ns, &took, &value, &end) >= 5,
				 1);
		assert_true(vcpu < THREADS);
		assert_int_equal(value, 'A' + vcpu);
		assert_int_equal(time, seen[vcpu]); /* each vCPU's lines in order, none missing */
		seen[vcpu]++;
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(seen[i], LINES_EACH);
	fclose(in);
	unlink(path);
}

static off_t size_of(const char *path)
{
	int fd = open(path, O_RDONLY);
	off_t size = lseek(fd, 0, SEEK_END);

	close(fd);
	return size;
}

static void flushes_when_asked_and_when_old(void **state)
{
	char path[] = "/tmp/vitrine-trace-XXXXXX";
	struct trace_exit exit = {.reason = EXIT_HLT};
	struct trace *trace;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(trace_open(path, false, &trace), 0);
	exit.start_ns = exit.end_ns = trace_start_ns(trace);
	trace_write(trace, &exit);
	assert_int_equal(size_of(path), 0);
	trace_flush(trace);
	off_t flushed = size_of(path);
	assert_true(flushed > 0);
	trace_write(trace, &exit);
	assert_int_equal(size_of(path), flushed);
	exit.end_ns += 2000000000;
	trace_write(trace, &exit);
	assert_true(size_of(path) > flushed);
	trace_close(trace);
	trace_write(NULL, &exit);
	trace_flush(NULL);
	trace_close(NULL);
	unlink(path);
}

static void goes_on_when_the_disk_is_full(void **state)
{
	char path[] = "/tmp/vitrine-stderr-XXXXXX", said[1024] = "";
	int saved = dup(STDERR_FILENO), fd = mkstemp(path);
	struct trace_exit exit = {.reason = EXIT_HLT};
	struct trace *trace;

	(void)state;
	dup2(fd, STDERR_FILENO);
	int err = trace_open("/dev/full", false, &trace);
	for (unsigned i = 0; !err && i < 50000; i++)
		trace_write(trace, &exit);
	if (!err) {
		trace_flush(trace);
		trace_close(trace);
	}
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(err, 0);
	assert_true(pread(fd, said, sizeof(said) - 1, 0) > 0);
	assert_string_equal(said, "vitrine: trace to /dev/full: No space left on device; tracing "
				  "stops, the VM goes on\n");
	close(fd);
	unlink(path);
}

static void refuses_what_it_cannot_open(void **state)
{
	struct trace *trace = NULL;

	(void)state;
	assert_int_equal(trace_open("/nonexistent/trace", false, &trace), -ENOENT);
	assert_int_equal(trace_open("/", false, &trace), -EISDIR);
	assert_int_equal(trace_open("", false, &trace), -ENOENT);
	assert_null(trace);
}

static void reasons_have_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < EXIT_REASON_COUNT; i++) {
		const char *name = exit_reason_name((enum exit_reason)i);

		assert_non_null(name);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(name, exit_reason_name((enum exit_reason)k));
	}
	assert_string_equal(exit_reason_name(EXIT_REASON_COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_each_kind),
		cmocka_unit_test(names_the_device_behind_a_bridge),
		cmocka_unit_test(shows_registers_if_asked_to),
		cmocka_unit_test(end_may_be_unknown),
		cmocka_unit_test(cuts_off_what_does_not_fit),
		cmocka_unit_test(knows_places),
		cmocka_unit_test(lines_never_mix_nor_get_lost),
		cmocka_unit_test(flushes_when_asked_and_when_old),
		cmocka_unit_test(goes_on_when_the_disk_is_full),
		cmocka_unit_test(refuses_what_it_cannot_open),
		cmocka_unit_test(reasons_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
