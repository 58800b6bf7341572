/* SPDX-License-Identifier: MIT
 *
 * Uses as much as it gets of one thing: memory, the processor, or a disk; whoever limits it, says so.
 *
 *   limits memory [-m MIB]     takes that much in steps of 1 MiB, and tells each
 *   limits cpu [-t MS]         computes for that long, and tells how much of the time it had
 *   limits disk PATH [-m KIB] reads past the page cache, and tells the speed
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab.h"

#define KIB 1024
#define MIB (1024 * KIB)
#define READ_BYTES (64 * KIB)

/* Each page is written to, else it costs nothing. */
static void take_memory(uint64_t mib)
{
	for (uint64_t i = 1; i <= mib; i++) {
		char *area = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0);

		if (area == MAP_FAILED)
			lab_die("mmap");
		for (unsigned at = 0; at < MIB; at += 4096)
			area[at] = 1;
		lab_row("memory", "mib=%lu", (unsigned long)i);
	}
	printf("has %lu MiB, and nobody minded\n", (unsigned long)mib);
}

static void use_cpu(uint64_t ms)
{
	const uint64_t start = lab_now_ns(), cpu_start = lab_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	uint64_t real;

	do
		for (volatile unsigned i = 0; i < 1000000; i++)
			;
	while ((real = lab_now_ns() - start) < ms * 1000000);
	const double share = 100.0 * (double)(lab_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_start) /
			     (double)real;

	printf("had %.0f %% of a processor for %lu ms\n", share, (unsigned long)(real / 1000000));
	lab_row("cpu", "share=%.1f", share);
}

static void read_disk(const char *path, uint64_t kib)
{
	const int direct_fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	/* a file system in memory has nothing to go past */
	const int fd = direct_fd < 0 ? open(path, O_RDONLY | O_CLOEXEC) : direct_fd;
	void *buffer = aligned_alloc(4096, READ_BYTES);
	uint64_t start, bytes = 0;

	if (fd < 0 || !buffer)
		lab_die(path);
	start = lab_now_ns();
	while (bytes < kib * KIB) {
		const ssize_t n = pread(fd, buffer, READ_BYTES, (off_t)bytes);

		if (n != READ_BYTES)
			lab_die("reading");
		bytes += READ_BYTES;
	}
	const double s = (double)(lab_now_ns() - start) / 1e9;

	printf("read %lu KiB in %.2f s: %.0f KiB/s\n", (unsigned long)kib, s, (double)kib / s);
	lab_row("disk", "kib_per_s=%.0f", (double)kib / s);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "memory"))
		take_memory(lab_option(argc, argv, 'm', 100));
	else if (!strcmp(what, "cpu"))
		use_cpu(lab_option(argc, argv, 't', 2000));
	else if (!strcmp(what, "disk") && argc > 2)
		read_disk(argv[2], lab_option(argc, argv, 'm', 4096));
	else
		return 2;
	return 0;
}
