/* SPDX-License-Identifier: MIT
 *
 * A file mapped into memory: pages come from the page cache, all who map or read it see the same ones, and
 * what was written goes to the disk later.
 *
 *   mmap-file [-n PAGES] [-d]        -d: /dev/vda holds an ext2 file system; else a file in this folder
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096

static int fd;
static uint64_t pages;

/* Counted since the last show(). */
static struct rusage before;
static uint64_t written_before;

/* Sectors written to the disk so far; 0 where there is no disk of our own. */
static uint64_t sectors_written(void)
{
	FILE *file = fopen("/proc/diskstats", "re");
	unsigned long written = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, " vda "))
			sscanf(strstr(line, " vda ") + 5, "%*u %*u %*u %*u %*u %*u %lu", &written);
	if (file)
		fclose(file);
	return written;
}

static void begin(void)
{
	written_before = sectors_written();
	getrusage(RUSAGE_SELF, &before);
}

static void show(const char *step)
{
	struct rusage now;

	getrusage(RUSAGE_SELF, &now);
	const long minor = now.ru_minflt - before.ru_minflt;
	const long major = now.ru_majflt - before.ru_majflt;
	const uint64_t written = (sectors_written() - written_before) / (PAGE / 512);
	const uint64_t dirty = lab_file_value("/proc/meminfo", "Dirty") / (PAGE / 1024);

	printf("%-18s %8ld %8ld %8lu %8lu\n", step, minor, major, dirty, written);
	lab_row("fault", "step=%s minor=%ld major=%ld dirty=%lu written=%lu", step, minor, major,
		dirty, written);
	begin();
}

static volatile char *map(int flags)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (memory == MAP_FAILED)
		lab_die("mmap");
	return memory;
}

static void touch(volatile char *memory, bool write)
{
	for (uint64_t i = 0; i < pages; i++)
		if (write)
			memory[i * PAGE] = 'w';
		else
			(void)memory[i * PAGE];
}

static char byte_in_file(void)
{
	char byte = 0;

	if (pread(fd, &byte, 1, 0) != 1)
		lab_die("pread");
	return byte;
}

/* Out of the page cache: this file alone, or all files where a kernel can't do that. */
static void forget_file(void)
{
	if (!posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		return;
	const int all = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (all < 0 || write(all, "1", 1) != 1)
		lab_die("/proc/sys/vm/drop_caches");
	close(all);
}

/* A file of so many pages, on the disk and not in memory. */
static void make_file(void)
{
	static char page[PAGE];

	fd = open("mmap-file.data", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	memset(page, 'f', PAGE);
	for (uint64_t i = 0; i < pages; i++)
		if (write(fd, page, PAGE) != PAGE)
			lab_die("mmap-file.data");
	if (fsync(fd))
		lab_die("fsync");
	forget_file();
}

int main(int argc, char **argv)
{
	pages = lab_option(argc, argv, 'n', 128);
	if (lab_flag(argc, argv, 'd') &&
	    (mount("/dev/vda", "/mnt", "ext2", 0, "") || chdir("/mnt")))
		lab_die("/dev/vda");
	make_file();
	printf("%-18s %8s %8s %8s %8s\n", "pages", "minor", "major", "dirty", "written");
	begin();
	volatile char *first = map(MAP_SHARED), *second = map(MAP_SHARED),
		      *private = map(MAP_PRIVATE);

	show("map");
	touch(first, false);
	show("read-first");
	touch(second, false);
	show("read-second");
	touch(first, true);
	show("write-first");
	lab_row("see", "who=second-mapping byte=%c", second[0]);
	lab_row("see", "who=read byte=%c", byte_in_file());
	if (msync((char *)first, pages * PAGE, MS_SYNC))
		lab_die("msync");
	show("msync");
	touch(first, true);
	show("write-again");
	private[0] = 'p';
	lab_row("see", "who=private-mapping byte=%c", private[0]);
	lab_row("see", "who=read-after-private byte=%c", byte_in_file());
	unlink("mmap-file.data");
	return 0;
}
