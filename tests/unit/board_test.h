/* SPDX-License-Identifier: MIT
 *
 * For the tests of the board: machines to try, a scratch directory, and other people's tools.
 */
#ifndef VITRINE_TESTS_BOARD_TEST_H
#define VITRINE_TESTS_BOARD_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "board/board.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

/* What is checked for both interrupt controllers is checked with these numbers of CPUs. */
static const unsigned test_cpu_counts[] = {1, 4, 255};

static inline struct board test_board(enum board_irqchip irqchip, unsigned cpu_count)
{
	return (struct board){.memory_bytes = 256 * MIB,
			      .cpu_count = cpu_count,
			      .irqchip = irqchip,
			      .debug_exit = true,
			      .cmdline = "console=ttyS0 name=\"a b\""};
}

/* Calls check for every combination of irqchip and number of CPUs. */
static inline void test_each_board(void (*check)(const struct board *board))
{
	for (int irqchip = BOARD_IRQCHIP_KERNEL; irqchip <= BOARD_IRQCHIP_SPLIT; irqchip++)
		for (unsigned i = 0; i < sizeof test_cpu_counts / sizeof *test_cpu_counts; i++) {
			struct board board = test_board((enum board_irqchip)irqchip,
							test_cpu_counts[i]);

			check(&board);
		}
}

static inline uint8_t test_sum(const void *bytes, size_t len_bytes)
{
	const uint8_t *byte = bytes;
	uint8_t sum = 0;

	for (size_t i = 0; i < len_bytes; i++)
		sum = (uint8_t)(sum + byte[i]);
	return sum;
}

/* Exit status of a shell command; 127 where the tool is missing. */
static inline int __attribute__((format(printf, 1, 2))) test_shell(const char *fmt, ...)
{
	char command[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof command, fmt, args);
	va_end(args);
	int status = system(command);

	return status >= 0 && (status & 0x7f) == 0 ? status >> 8 : -1;
}

static inline void test_need_tool(const char *tool)
{
	if (test_shell("command -v %s >/dev/null 2>&1", tool) == 0)
		return;
	print_message("SKIP: %s is not installed\n", tool);
	skip();
}

static inline void test_make_directory(char path[64])
{
	strcpy(path, "/tmp/vitrine-board-XXXXXX");
	assert_non_null(mkdtemp(path));
}

static inline void test_remove_directory(const char *path)
{
	assert_int_equal(test_shell("rm -rf '%s'", path), 0);
}

static inline void test_write_file(const char *directory, const char *name, const void *bytes,
				   size_t len_bytes)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len_bytes, file), len_bytes);
	assert_int_equal(fclose(file), 0);
}

#endif
