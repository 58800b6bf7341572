/* SPDX-License-Identifier: MIT
 *
 * A guest gives memory back to its host, and takes it again: by its balloon. vm-memory watches from outside.
 *
 *   ballooning [-m MIB]
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096
#define LOOK_MS 100
#define PATIENCE_MS 20000
#define WATCHED_MS 500 /* so that the figure has some samples, too */

static const char meminfo[] = "/proc/meminfo", balloon[] = "/proc/hyper/balloon";

/* The line that vm-memory listens for; and a row. */
static void tell(const char *step)
{
	const uint64_t free = lab_file_value(meminfo, "MemFree");
	const uint64_t user = lab_file_value(meminfo, "AnonPages");
	const uint64_t cache = lab_file_value(meminfo, "Cached");

	lab_row("balloon", "step=%s held=%lu free=%lu", step, lab_file_value(balloon, "held"),
		free);
	printf("guest: step=%s kernel=%lu user=%lu cache=%lu\n", step,
	       lab_file_value(meminfo, "MemTotal") - free - user - cache, user, cache);
	fflush(stdout);
	getchar(); /* a line: the host has looked */
	usleep(WATCHED_MS * 1000);
}

/* Asks for so many KiB in the balloon and waits until it holds them. */
static void resize(uint64_t kib)
{
	FILE *file = fopen(balloon, "we");

	if (!file || fprintf(file, "%lu", kib) < 0 || fclose(file))
		lab_die(balloon);
	for (unsigned ms = 0; lab_file_value(balloon, "held") != kib; ms += LOOK_MS) {
		if (ms > PATIENCE_MS) {
			fprintf(stderr, "the balloon doesn't get to %lu KiB\n", kib);
			exit(1);
		}
		usleep(LOOK_MS * 1000);
	}
}

static void touch(uint64_t bytes, const char *step)
{
	volatile char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || madvise((char *)memory, bytes, MADV_NOHUGEPAGE))
		lab_die("mmap");
	for (uint64_t at = 0; at < bytes; at += PAGE)
		memory[at] = 1;
	tell(step);
	munmap((char *)memory, bytes);
}

int main(int argc, char **argv)
{
	const uint64_t mib = lab_option(argc, argv, 'm', 16);

	if (lab_file_value(balloon, "held") == LAB_NO_VALUE) {
		fprintf(stderr, "this guest has no balloon\n");
		return 1;
	}
	tell("started");
	touch(mib << 20, "touched");
	tell("freed");
	resize(mib << 10);
	tell("inflated");
	resize(0);
	tell("deflated");
	touch(mib << 20, "touched-again");
	return 0;
}
