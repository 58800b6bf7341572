/* SPDX-License-Identifier: MIT
 *
 * fork, exec, wait, many times over: does memory come back?
 *
 *   fork_exec [COUNT [LOSS_KIB]]     with LOSS_KIB, a larger loss of MemFree is a failure
 *
 * (On a machine that others use too, MemFree says little.)
 */
#include <fcntl.h>

#include "check.h"

#define WARM_UP 20

static long free_kib(void)
{
	char line[128];
	long kib = -1;
	FILE *file = fopen("/proc/meminfo", "r");

	need(file);
	while (fgets(line, sizeof line, file))
		if (sscanf(line, "MemFree: %ld kB", &kib) == 1)
			break;
	fclose(file);
	return kib;
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
	long count = argc > 1 ? atol(argv[1]) : 200, before, after;

	if (argc == 3 && !strcmp(argv[1], "child"))
		return 7;
	need(readlink("/proc/self/exe", self, sizeof self - 1) > 0 && free_kib() >= 0);
	check("warm-up", run(self, WARM_UP) == WARM_UP);
	before = free_kib();
	check("fork, exec, wait", run(self, count) == count);
	after = free_kib();
	printf("MemFree %ld KiB before, %ld KiB after %ld\n", before, after, count);
	if (argc > 2)
		check("memory comes back", before - after <= atol(argv[2]));
	return check_end();
}
