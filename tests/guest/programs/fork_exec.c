/* SPDX-License-Identifier: MIT
 *
 * fork, exec, wait, many times over: does memory come back?
 *
 *   fork_exec [COUNT [LOSS_KIB]]     with LOSS_KIB, a larger loss of memory is a failure
 *
 * (On a machine that others use too, MemFree says little.)
 */
#include <fcntl.h>

#include "check.h"

#define WARM_UP 20
#define KEPT_KIB 320 /* of stacks, and files that the test has come to use */

enum { FREE, ANONYMOUS, SLAB, TABLES, CACHED, STACKS, FIGURES };

static struct {
	const char *name;
	long before, after; /* KiB; -1: not in /proc/meminfo */
} figures[FIGURES] = {[FREE] = {"MemFree", -1, -1},  [ANONYMOUS] = {"AnonPages", -1, -1},
		      [SLAB] = {"Slab", -1, -1},     [TABLES] = {"PageTables", -1, -1},
		      [CACHED] = {"Cached", -1, -1}, [STACKS] = {"KernelStack", -1, -1}};

static void read_figures(int is_after)
{
	char line[128], name[64];
	long kib;
	FILE *file = fopen("/proc/meminfo", "r");

	need(file);
	while (fgets(line, sizeof line, file)) {
		if (sscanf(line, "%63[^:]: %ld kB", name, &kib) != 2)
			continue;
		for (int i = 0; i < FIGURES; i++)
			if (!strcmp(name, figures[i].name))
				*(is_after ? &figures[i].after : &figures[i].before) = kib;
	}
	fclose(file);
}

static long growth_kib(int figure)
{
	return figures[figure].after - figures[figure].before;
}

static void show_figures(void)
{
	for (int i = 0; i < FIGURES; i++)
		printf("%-11s %7ld KiB before, %7ld KiB after\n", figures[i].name,
		       figures[i].before, figures[i].after);
}

static int once(void *self)
{
	execl(self, self, "child", "argument", NULL);
	return 99;
}

static long run(char *self, long count)
{
	long good = 0;

	for (long i = 0; i < count; i++)
		good += in_child(once, self) == 7;
	return good;
}

int main(int argc, char **argv)
{
	static char self[256];
	long count = argc > 1 ? atol(argv[1]) : 200;

	if (argc == 3 && !strcmp(argv[1], "child"))
		return 7;
	need(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
	check("warm-up", run(self, WARM_UP) == WARM_UP);
	read_figures(0);
	check("fork, exec, wait", run(self, count) == count);
	read_figures(1);
	show_figures();
	if (argc > 2) {
		long kept = growth_kib(STACKS) + growth_kib(CACHED);

		check("memory comes back", -growth_kib(FREE) - kept <= atol(argv[2]));
		check("little is kept for the next ones", kept <= KEPT_KIB);
		for (int i = ANONYMOUS; i <= TABLES; i++)
			check(figures[i].name, growth_kib(i) <= atol(argv[2]));
	}
	return check_end();
}
