/* SPDX-License-Identifier: MIT
 *
 * How many requests a disk sees for one MiB, by the way in which a program reads it.
 *
 *   readahead [-k KIB] [DISK]      (vda)
 */
#include <sys/mman.h>

#include "lab_disk.h"

#define PAGE 4096ull
#define KIB_PER_MIB 1024.0

static char buffer[1 << 16] __attribute__((aligned(4096)));

static void read_at(int fd, uint64_t offset, size_t bytes)
{
	if (pread(fd, buffer, bytes, (off_t)offset) != (ssize_t)bytes)
		lab_die("read");
}

static void in_order(int fd, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += PAGE)
		read_at(fd, at, PAGE);
}

/* The last page first: the order that read-ahead can't foresee. */
static void backwards(int fd, uint64_t bytes)
{
	for (uint64_t at = bytes; at > 0; at -= PAGE)
		read_at(fd, at - PAGE, PAGE);
}

static void in_big_pieces(int fd, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += sizeof(buffer))
		read_at(fd, at, sizeof(buffer));
}

static void mapped(int fd, uint64_t bytes)
{
	const volatile char *at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		lab_die("mmap");
	for (uint64_t i = 0; i < bytes; i += PAGE)
		(void)at[i];
	munmap((void *)at, bytes);
}

static const struct way {
	const char *name;
	int flags;
	bool keep_cache; /* what the last way has read stays in memory */
	void (*read)(int fd, uint64_t bytes);
} ways[] = {
	{"in-order", 0, false, in_order},
	{"again", 0, true, in_order},
	{"backwards", 0, false, backwards},
	{"mapped", 0, false, mapped},
	{"direct-4K", O_DIRECT, false, in_order},
	{"direct-4K-again", O_DIRECT, true, in_order},
	{"direct-64K", O_DIRECT, false, in_big_pieces},
};

static void measure(const struct way *way, const char *disk, uint64_t kib)
{
	const double mib = (double)kib / KIB_PER_MIB;
	struct lab_disk counts;
	uint64_t start;
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", disk);
	if (!way->keep_cache)
		lab_drop_caches();
	fd = lab_open(path, O_RDONLY | way->flags);
	counts = lab_disk(disk);
	start = lab_now_ns();
	way->read(fd, kib << 10);
	const double us = (double)(lab_now_ns() - start) / 1000 / mib;

	counts = lab_disk_since(disk, counts);
	close(fd);
	printf("%-16s %8.1f requests/MiB %8.1f KiB/MiB %10.0f us/MiB\n", way->name,
	       (double)counts.reads / mib, (double)counts.read_sectors / 2 / mib, us);
	lab_row("way", "how=%s requests=%.2f kib=%.1f us=%.0f", way->name,
		(double)counts.reads / mib, (double)counts.read_sectors / 2 / mib, us);
}

int main(int argc, char **argv)
{
	const uint64_t kib = lab_option(argc, argv, 'k', 2048);
	const char *disk = argc > 1 && argv[argc - 1][0] == 'v' ? argv[argc - 1] : "vda";

	for (unsigned i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		measure(&ways[i], disk, kib);
	return 0;
}
