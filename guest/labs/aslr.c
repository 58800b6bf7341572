/* SPDX-License-Identifier: MIT
 *
 * Where the kernel puts a program's parts, over repeated runs: with address space layout randomization, and
 * with it switched off for the process (personality(), inherited by exec).
 *
 *   aslr [-n RUNS]
 */
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define RUNS_MAX 64

static const char *const parts[] = {"program", "heap", "mmap", "stack"};
enum { PARTS = sizeof(parts) / sizeof(*parts) };

/* The first address of each part, in the program that asks. */
static void find_parts(uint64_t at[PARTS])
{
	at[0] = getauxval(AT_ENTRY);
	at[1] = (uint64_t)sbrk(0);
	at[2] = (uint64_t)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	at[3] = getauxval(AT_EXECFN); /* the program's name, right at the stack's beginning */
}

/* This program once more, as "aslr -c": it writes its addresses into the pipe. */
static void run_once(int randomized, uint64_t at[PARTS])
{
	int ends[2], status;

	if (pipe(ends))
		lab_die("pipe");
	const pid_t pid = fork();

	if (pid == 0) {
		dup2(ends[1], 1);
		if (!randomized && personality(ADDR_NO_RANDOMIZE) < 0)
			_exit(1);
		execl("/proc/self/exe", "aslr", "-c", NULL);
		_exit(127);
	}
	close(ends[1]);
	if (read(ends[0], at, PARTS * sizeof(*at)) != (ssize_t)(PARTS * sizeof(*at)))
		at[0] = 0; /* a container's filter may forbid personality() */
	close(ends[0]);
	waitpid(pid, &status, 0);
}

static unsigned count_distinct(uint64_t (*at)[PARTS], unsigned runs, unsigned part)
{
	unsigned distinct = 0;

	for (unsigned i = 0; i < runs; i++) {
		bool seen = false;

		for (unsigned j = 0; j < i; j++)
			seen = seen || at[i][part] == at[j][part];
		distinct += !seen;
	}
	return distinct;
}

/* How far a part moved from its place in the first run; 1 stands for "not at all", for a logarithmic axis. */
static uint64_t moved_kb(uint64_t at, uint64_t first)
{
	return at == first ? 1 : (at > first ? at - first : first - at) / 1024;
}

static void report_run(const char *name, unsigned run, const uint64_t at[PARTS],
		       const uint64_t first[PARTS])
{
	printf("%-3s", name);
	for (unsigned part = 0; part < PARTS; part++)
		printf("  %s 0x%lx", parts[part], at[part]);
	printf("\n");
	for (unsigned part = 0; part < PARTS; part++)
		lab_row("place", "aslr=%s run=%u part=%s address=0x%lx moved_kb=%lu", name, run,
			parts[part], at[part], moved_kb(at[part], first[part]));
}

static void repeat(const char *name, int randomized, unsigned runs)
{
	uint64_t at[RUNS_MAX][PARTS];

	for (unsigned run = 0; run < runs; run++) {
		run_once(randomized, at[run]);
		if (!at[run][0]) {
			printf("%s: not permitted here\n", name);
			return;
		}
		report_run(name, run + 1, at[run], at[0]);
	}
	for (unsigned part = 0; part < PARTS; part++)
		lab_row("distinct", "aslr=%s part=%s addresses=%u runs=%u", name, parts[part],
			count_distinct(at, runs, part), runs);
}

int main(int argc, char **argv)
{
	const uint64_t runs = lab_option(argc, argv, 'n', 16);
	uint64_t at[PARTS];

	if (lab_flag(argc, argv, 'c')) {
		find_parts(at);
		return write(1, at, sizeof(at)) != sizeof(at);
	}
	repeat("off", 0, runs < RUNS_MAX ? runs : RUNS_MAX);
	repeat("on", 1, runs < RUNS_MAX ? runs : RUNS_MAX);
	return 0;
}
