/* SPDX-License-Identifier: MIT
 *
 * The page cache: what is written waits there until somebody takes it to the disk; what was read stays.
 *
 *   page-cache [-n PAGES] [-e CENTISECONDS]      /dev/vda holds an ext2 file system
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

static void set(const char *path, uint64_t value)
{
	FILE *file = fopen(path, "we");

	if (!file || fprintf(file, "%lu", value) < 0 || fclose(file))
		lab_die(path);
}

/* Dirty pages and pages that reached the disk, over time: nobody syncs. */
static void watch(uint64_t pages, uint64_t expire_cs)
{
	const double end_s = 3 * (double)expire_cs / 100;
	const struct disk first = disk();
	const uint64_t start = lab_now_ns();
	double dirty_for = 0;

	write_file("watched", pages);
	for (double s = 0; s < end_s;) {
		s = (double)(lab_now_ns() - start) / LAB_NS_PER_S;
		const uint64_t dirty = lab_file_value("/proc/meminfo", "Dirty") / (PAGE / 1024);

		dirty_for = dirty ? s : dirty_for;
		lab_row("dirty", "s=%.2f dirty=%lu written=%lu", s, dirty,
			disk().written - first.written);
		usleep(1000000 / SAMPLES_PER_S);
	}
	printf("%lu pages were dirty for %.1f s before they were written\n", pages, dirty_for);
}

int main(int argc, char **argv)
{
	const uint64_t pages = lab_option(argc, argv, 'n', 512);
	const uint64_t expire_cs = lab_option(argc, argv, 'e', 500);

	set("/proc/sys/vm/dirty_expire_centisecs", expire_cs);
	if (mount("/dev/vda", "/mnt", "ext2", 0, "") || chdir("/mnt"))
		lab_die("/dev/vda");
	watch(pages, expire_cs);
	set("/proc/sys/vm/dirty_expire_centisecs", 3000); /* so that nobody comes between */
	const uint64_t before = disk().written;

	write_file("read-me", pages);
	printf("write():   %5lu pages, of which on the disk %5lu\n", pages,
	       disk().written - before);
	lab_row("write", "step=write pages=%lu disk=%lu", pages, disk().written - before);
	sync();
	printf("sync():    %5lu pages, of which on the disk %5lu\n", pages,
	       disk().written - before);
	lab_row("write", "step=sync pages=%lu disk=%lu", pages, disk().written - before);
	set("/proc/sys/vm/drop_caches", 1);
	show_read("cold", "read-me", pages);
	show_read("warm", "read-me", pages);
	umount2("/mnt", MNT_DETACH);
	return 0;
}
