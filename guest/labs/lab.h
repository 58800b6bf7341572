/* SPDX-License-Identifier: MIT
 *
 * What every lab's program shares: rows of data for the runner, and measuring.
 *
 * A lab is one plain POSIX program, the same binary in the bundled guest, in a stock Linux guest and on the
 * host. A line "lab: TABLE key=value key=value" is a row of a table; all else that it prints is for people.
 * docs/labs/README.md has the whole of it.
 */
#ifndef GUEST_LABS_LAB_H
#define GUEST_LABS_LAB_H

#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LAB_NS_PER_S 1000000000ull
#define LAB_NO_VALUE UINT64_MAX

/* One row: lab_row("cost", "call=%s ns=%.1f", name, ns). A value with blanks stands in double quotes. */
__attribute__((format(printf, 2, 3))) static inline void lab_row(const char *table,
								 const char *format, ...)
{
	va_list values;

	printf("lab: %s ", table);
	va_start(values, format);
	vprintf(format, values);
	va_end(values);
	printf("\n");
	fflush(stdout);
}

/* Ends the lab: it can't go on. */
__attribute__((noreturn)) static inline void lab_die(const char *what)
{
	perror(what);
	exit(1);
}

static inline uint64_t lab_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * LAB_NS_PER_S + (uint64_t)now.tv_nsec;
}

static inline uint64_t lab_now_ns(void)
{
	return lab_clock_ns(CLOCK_MONOTONIC);
}

/* The processor's own clock, in cycles of unknown length; also counts while the VM doesn't run. */
static inline uint64_t lab_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return ((uint64_t)high << 32) | low;
}

/* The number behind `name` at the start of a line of a file such as /proc/vmstat, /proc/meminfo (in its unit)
 * or /proc/hyper/exits; LAB_NO_VALUE: no such file or line. */
static inline uint64_t lab_file_value(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	const size_t length = strlen(name);
	uint64_t value = LAB_NO_VALUE;
	char line[256];

	while (file && value == LAB_NO_VALUE && fgets(line, sizeof(line), file))
		if (strncmp(line, name, length) == 0 && strchr(" :\t=", line[length]))
			value = strtoull(line + length + strspn(line + length, " :\t="), NULL, 10);
	if (file)
		fclose(file);
	return value;
}

/* Processes that this one can see: the folders of /proc that begin with a digit. */
static inline unsigned lab_process_count(void)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	unsigned count = 0;

	while (folder && (entry = readdir(folder)))
		count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
	if (folder)
		closedir(folder);
	return count;
}

/* VM exits of this machine so far, by a name of /proc/hyper/exits ("total", "io", "mmio", "halt", …);
 * LAB_NO_VALUE on a host, and in a guest whose hypervisor doesn't tell. */
static inline uint64_t lab_exits(const char *name)
{
	return lab_file_value("/proc/hyper/exits", name);
}

/* The number of option -LETTER on the command line, else the default; for the sizes that --quick cuts. */
static inline uint64_t lab_option(int argc, char **argv, char letter, uint64_t otherwise)
{
	for (int i = 1; i + 1 < argc; i++)
		if (argv[i][0] == '-' && argv[i][1] == letter && !argv[i][2])
			return strtoull(argv[i + 1], NULL, 0);
	return otherwise;
}

static inline bool lab_flag(int argc, char **argv, char letter)
{
	for (int i = 1; i < argc; i++)
		if (argv[i][0] == '-' && argv[i][1] == letter && !argv[i][2])
			return true;
	return false;
}

#endif
