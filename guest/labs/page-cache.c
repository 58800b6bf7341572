/* SPDX-License-Identifier: MIT
 *
 * The page cache: what is written waits there until somebody takes it to the disk; what was read stays.
 *
 *   page-cache [-n PAGES] [-s SECONDS]      /dev/vda holds an ext2 file system
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096
#define SECTORS (PAGE / 512)
#define SAMPLES_PER_S 4

static char page[PAGE];

/* Pages that the disk has read and written so far. */
struct disk {
	uint64_t read, written;
};

static struct disk disk(void)
{
	FILE *file = fopen("/proc/diskstats", "re");
	struct disk d = {0};
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		const char *at = strstr(line, " vda ");

		if (at)
			sscanf(at + 5, "%*u %*u %lu %*u %*u %*u %lu", &d.read, &d.written);
	}
	if (file)
		fclose(file);
	return (struct disk){d.read / SECTORS, d.written / SECTORS};
}

static void write_file(const char *name, uint64_t pages)
{
	const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	for (uint64_t i = 0; i < pages; i++)
		if (write(fd, page, PAGE) != PAGE)
			lab_die(name);
	close(fd);
}

static void show_read(const char *how, const char *name, uint64_t pages)
{
	const int fd = open(name, O_RDONLY | O_CLOEXEC);
	const uint64_t before = disk().read, start = lab_now_ns();

	for (uint64_t i = 0; i < pages; i++)
		if (read(fd, page, PAGE) != PAGE)
			lab_die(name);
	const double us = (double)(lab_now_ns() - start) / 1000 / (double)pages;
	const uint64_t from_disk = disk().read - before;

	close(fd);
	printf("read %-5s %5lu pages, of which from the disk %5lu; %8.1f us each\n", how, pages,
	       from_disk, us);
	lab_row("read", "how=%s pages=%lu disk=%lu us=%.1f", how, pages, from_disk, us);
}

static void drop_caches(void)
{
	const int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1", 1) != 1)
		lab_die("/proc/sys/vm/drop_caches");
	close(fd);
}

/* Dirty pages and pages that reached the disk, over time: nobody syncs. */
static void watch(uint64_t pages, uint64_t seconds)
{
	const struct disk first = disk();
	const uint64_t start = lab_now_ns();

	write_file("watched", pages);
	for (uint64_t i = 0; i <= seconds * SAMPLES_PER_S; i++) {
		const double s = (double)(lab_now_ns() - start) / LAB_NS_PER_S;
		const uint64_t dirty = lab_file_value("/proc/meminfo", "Dirty") / (PAGE / 1024);

		lab_row("dirty", "s=%.2f dirty=%lu written=%lu", s, dirty,
			disk().written - first.written);
		usleep(1000000 / SAMPLES_PER_S);
	}
}

int main(int argc, char **argv)
{
	const uint64_t pages = lab_option(argc, argv, 'n', 512);
	const uint64_t seconds = lab_option(argc, argv, 's', 10);

	if (mount("/dev/vda", "/mnt", "ext2", 0, "") || chdir("/mnt"))
		lab_die("/dev/vda");
	const uint64_t before = disk().written;

	write_file("read-me", pages);
	printf("write():   %5lu pages, of which on the disk %5lu\n", pages,
	       disk().written - before);
	lab_row("write", "step=write pages=%lu disk=%lu", pages, disk().written - before);
	sync();
	printf("sync():    %5lu pages, of which on the disk %5lu\n", pages,
	       disk().written - before);
	lab_row("write", "step=sync pages=%lu disk=%lu", pages, disk().written - before);
	drop_caches();
	show_read("cold", "read-me", pages);
	show_read("warm", "read-me", pages);
	watch(pages, seconds);
	umount2("/mnt", MNT_DETACH);
	return 0;
}
