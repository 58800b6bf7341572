/* SPDX-License-Identifier: MIT
 *
 * The command line of `vitrine run`: sizes, times, and what is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cmd/devices.h"
#include "cmd/run_options.h"

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t bytes;
	} rows[] = {
		{"0", 0, 0},
		{"1", 0, 1},
		{"1K", 0, 1024},
		{"256M", 0, 256ULL << 20},
		{"256MiB", 0, 256ULL << 20},
		{"2g", 0, 2ULL << 30},
		{"1T", 0, 1ULL << 40},
		{"12Q", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"M", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1.5G", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"18446744073709551615", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"17592186044416M", -ERANGE, 0},
		{"17592186044415M", 0, 17592186044415ULL << 20},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t bytes = 0;

		assert_int_equal(parse_size(rows[i].text, &bytes), rows[i].result);
		assert_true(bytes == rows[i].bytes);
	}
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int result;
		unsigned ms;
	} rows[] = {
		{"10", 0, 10000},    {"0.5", 0, 500},	 {"250ms", 0, 250},
		{"2m", 0, 120000},   {"1h", 0, 3600000}, {"", -EINVAL, 0},
		{"x", -EINVAL, 0},   {"-1", -EINVAL, 0}, {"5x", -EINVAL, 0},
		{"inf", -EINVAL, 0}, {".", -EINVAL, 0},	 {"99999999h", -ERANGE, 0},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned ms = 0;

		assert_int_equal(parse_duration(rows[i].text, &ms), rows[i].result);
		assert_int_equal(ms, rows[i].ms);
	}
}

#define ARGUMENTS_MAX 6
#define PARSE(...) parse((char *[ARGUMENTS_MAX]){"vitrine run", __VA_ARGS__})

static struct run_options options;

static enum run_parse parse(char *argv[ARGUMENTS_MAX])
{
	int argc = 0;

	devices_destroy(options.devices); /* those of the last command line */
	while (argc < ARGUMENTS_MAX && argv[argc])
		argc++;
	return run_options_parse(argc, argv, &options);
}

static void test_refused(void **state)
{
	static char *rows[][4] = {
		{"--memory", "0"},
		{"--memory", "1K"},
		{"--memory", "1T"},
		{"--memory", "12Q"},
		{"--memory", "16777217"},
		{"--memory", ""},
		{"--cpus", "0"},
		{"--cpus", "300"},
		{"--cpus", "x"},
		{"--cpus", "4x"},
		{"--cpus", "-1"},
		{"--kaslr", "maybe"},
		{"--irqchip", "none"},
		{"--timeout", "soon"},
		{"--stop-timeout", "-3"},
		{"--trace", "all"},
		{"--trace", "exits="},
		{"--trace", "exitsx"},
		{"--trace", "dirty"},
		{"--trace", "dirty=f,every=0"},
		{"--trace", "dirty=f,every=soon"},
		{"--trace", "dirty=,every=1s"},
		{"--flat16", NULL},
		{"--nonsense", NULL},
		{"--memory", NULL},
		{"a.elf", "b.elf"},
		{"--kernel", "a", "b"},
		{"--rng=fast", NULL},
		{"--balloon", "lots"},
		{"--balloon", "64M,stats=0"},
		{"--vsock", "cid=2,unix:v"},
		{"--vsock", "cid=3"},
		{"--vsock", "cid=3x,unix:v"},
		{"--port", "unix:p"},
		{"--port", "name=a"},
		{"--port", "name=,unix:p"},
		{"--share", ""},
		{"--share", "d,rw"},
		{"--share", "d,tag="},
		{"--virtio-console", ""},
		{"--rng", "--rng"},
		{"--rng=ring=round", NULL},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(PARSE(rows[i][0], rows[i][1], rows[i][2], NULL), RUN_PARSE_ERROR);
}

static void test_accepted(void **state)
{
	(void)state;
	assert_int_equal(PARSE(NULL), RUN_PARSE_OK);
	assert_int_equal(options.memory_bytes, 256u << 20);
	assert_int_equal(options.cpu_count, 1);
	assert_int_equal(options.stop_timeout_ms, 10000);
	assert_null(options.image);
	assert_int_equal(PARSE("-m512M", "-c", "255", "vmlinuz"), RUN_PARSE_OK);
	assert_int_equal(options.memory_bytes, 512u << 20);
	assert_int_equal(options.cpu_count, 255);
	assert_string_equal(options.image, "vmlinuz");
	assert_int_equal(PARSE("--trace=exits=/tmp/t", "--kaslr=on", "--json"), RUN_PARSE_OK);
	assert_string_equal(options.trace_file, "/tmp/t");
	assert_true(options.stats && options.json);
	assert_int_equal(PARSE("--trace=dirty=/tmp/a,every=b,every=20ms"), RUN_PARSE_OK);
	assert_string_equal(options.dirty_file, "/tmp/a,every=b");
	assert_int_equal(options.dirty_every_ms, 20);
	assert_int_equal(PARSE("--trace=dirty=/tmp/d"), RUN_PARSE_OK);
	assert_string_equal(options.dirty_file, "/tmp/d");
	assert_int_equal(options.dirty_every_ms, 100);
	assert_int_equal(PARSE("--trace=exits=/tmp/t", "--kaslr=on"), RUN_PARSE_OK);
	assert_int_equal(options.kaslr, BOOT_KASLR_ON);
	assert_int_equal(PARSE("--rng=transport=mmio", "--balloon=64M,reporting=off,stats=1s",
			       "--vsock=cid=3,unix:v", "--port=name=a,unix:p", "--share=d,ro"),
			 RUN_PARSE_OK);
	assert_string_equal(options.serial, "stdio");
	assert_int_equal(PARSE("--virtio-console=stdio"), RUN_PARSE_OK);
	assert_string_equal(options.serial, "none");
	assert_int_equal(PARSE("--help"), RUN_PARSE_HELP);
	devices_destroy(options.devices);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_accepted),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
