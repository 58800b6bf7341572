/* SPDX-License-Identifier: MIT
 *
 * One write of one page, and one fsync(). Behind each it waits for a line from the host, which looks first what
 * arrived there (one-write-host.sh).
 *
 *   one-write guest            in the guest; ext2 with a file of one page is on vda
 *   one-write dirty FILE       on the host: how many pages of FILE its page cache has, and how many are dirty
 */
#include <sys/syscall.h>

#include "lab_disk.h"

#define DISK "vda"
#define PAGE 4096
#define SYS_CACHESTAT 451 /* since Linux 6.5; musl's headers don't have it yet */

struct cachestat_range {
	uint64_t offset, length; /* 0: to the end */
};
struct cachestat {
	uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

/* What the guest's layers have counted since the last report. */
static void report(const char *phase)
{
	static struct lab_disk last;
	char answer[16];
	const struct lab_disk counts = lab_disk_since(DISK, last);

	last = lab_disk(DISK);
	printf("phase %s dirty=%lu requests=%lu flushes=%lu\n", phase,
	       lab_file_value("/proc/meminfo", "Dirty:") / (PAGE / 1024), counts.writes,
	       counts.flushes);
	fflush(stdout);
	if (!fgets(answer, sizeof(answer), stdin))
		lab_die("the host");
}

static void sync_or_die(int fd)
{
	if (fsync(fd))
		lab_die("fsync");
}

static void write_page(int fd, char letter)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));

	memset(page, letter, sizeof(page));
	if (pwrite(fd, page, sizeof(page), 0) != sizeof(page))
		lab_die("write");
}

/* To a file, through the page cache. */
static void write_file(void)
{
	int fd;

	lab_mount_disk("/dev/" DISK, "ext2");
	fd = lab_open(LAB_MOUNT "/file", O_RDWR | O_CREAT);
	write_page(fd, 'a'); /* so that the block is there, and nothing but data is written below */
	sync();
	report("begin");
	write_page(fd, 'b');
	report("write");
	sync_or_die(fd);
	report("fsync");
	close(fd);
	umount(LAB_MOUNT);
}

/* To the disk, past the page cache: the device has it, and nobody has asked for more. */
static void write_direct(void)
{
	const int fd = lab_open("/dev/" DISK, O_RDWR | O_DIRECT);

	sync_or_die(fd);
	report("unmounted");
	write_page(fd,
		   'c'); /* over the boot block and the superblock: nobody needs them any more */
	report("direct");
	sync_or_die(fd);
	report("direct-fsync");
	close(fd);
}

static void run_in_guest(void)
{
	write_file();
	write_direct();
}

static void show_dirty(const char *path)
{
	const struct cachestat_range all = {0};
	const int fd = lab_open(path, O_RDONLY);
	struct cachestat found;

	if (syscall(SYS_CACHESTAT, fd, &all, &found, 0))
		lab_die("cachestat");
	printf("%lu %lu\n", found.cached, found.dirty + found.writeback);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "guest") == 0)
		run_in_guest();
	else if (argc == 3 && strcmp(argv[1], "dirty") == 0)
		show_dirty(argv[2]);
	else
		return 2;
	return 0;
}
