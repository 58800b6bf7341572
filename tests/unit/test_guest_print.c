/* SPDX-License-Identifier: MIT
 *
 * The bundled guest's formatter, on the host, against the C library's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "guest/lib/print.c"

void console_write(const char *text, size_t length)
{
	(void)text;
	(void)length;
}

void log_add(enum log_level level, const char *text, size_t length)
{
	(void)level;
	(void)text;
	(void)length;
}

#define SAME(...)                                                                       \
	do {                                                                            \
		char ours[128], theirs[128];                                            \
		size_t length = print_to(ours, sizeof ours, __VA_ARGS__);               \
		assert_int_equal(length, snprintf(theirs, sizeof theirs, __VA_ARGS__)); \
		assert_string_equal(ours, theirs);                                      \
	} while (0)

static void test_like_printf(void **state)
{
	(void)state;
	SAME("plain %% text");
	SAME("%d %d %d", 0, -1, INT32_MIN);
	SAME("%u %x %#x", UINT32_MAX, UINT32_MAX, 48879u);
	SAME("%ld %lu %lx", INT64_MIN, UINT64_MAX, UINT64_MAX);
	SAME("[%5d] [%-5d] [%05u]", 42, 42, 42u);
	SAME("[%016lx] [%8lu]", 0xffffffff80200000ul, 7ul);
	SAME("[%s] [%8s] [%-8s] [%c]", "text", "right", "left", 'x');
	SAME("%zu", (size_t)123);
}

static void test_is_cut_to_size(void **state)
{
	char buf[8] = "1234567";

	(void)state;
	assert_int_equal(print_to(buf, 4, "%s", "longer than that"), 3);
	assert_string_equal(buf, "lon");
	assert_int_equal(buf[4], '5');
	assert_int_equal(print_to(buf, 1, "%u", 12345u), 0);
	assert_string_equal(buf, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_like_printf),
		cmocka_unit_test(test_is_cut_to_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
