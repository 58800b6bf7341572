/* SPDX-License-Identifier: MIT
 *
 * Two pages of a file are written in turn, many times. What of it reaches the disk, and when, depends on who
 * promises what: nobody (write-back), fsync() at the end, fsync() after each, or O_SYNC (write-through).
 *
 *   write-policies [-n WRITES]      an ext2 file system is on vda
 */
#include "lab_disk.h"

#define DISK "vda"
#define PAGE 4096

static char page[PAGE];

static const struct policy {
	const char *name;
	int flags;
	bool sync_each, sync_last;
} policies[] = {
	{"write-back", 0, false, false},
	{"fsync-last", 0, false, true},
	{"fsync-each", 0, true, false},
	{"O_SYNC", O_SYNC, false, false},
};

static void sync_or_die(int fd)
{
	if (fsync(fd))
		lab_die("fsync");
}

static void write_all(int fd, const struct policy *policy, uint64_t writes)
{
	for (uint64_t i = 0; i < writes; i++) {
		page[0] = (char)i;
		if (pwrite(fd, page, PAGE, (off_t)(i % 2 * PAGE)) != PAGE)
			lab_die("write");
		if (policy->sync_each)
			sync_or_die(fd);
	}
	if (policy->sync_last)
		sync_or_die(fd);
}

static void measure(const struct policy *policy, uint64_t writes)
{
	const int fd = lab_open(LAB_MOUNT "/file", O_RDWR | O_CREAT | policy->flags);
	struct lab_disk counts;
	uint64_t start;
	double us;

	/* Both pages are on disk before, so that only data are written, and no bitmap. */
	write_all(fd, &policies[1], 2);
	sync();
	counts = lab_disk(DISK);
	start = lab_now_ns();
	write_all(fd, policy, writes);
	us = (double)(lab_now_ns() - start) / 1000 / (double)writes;
	counts = lab_disk_since(DISK, counts);
	close(fd);
	printf("%-12s %4lu writes of a page: %4lu requests, %4lu KiB, %4lu flushes, %8.1f us each\n",
	       policy->name, writes, counts.writes, counts.write_sectors / 2, counts.flushes, us);
	lab_row("policy", "how=%s writes=%lu requests=%lu kib=%lu flushes=%lu us=%.1f",
		policy->name, writes, counts.writes, counts.write_sectors / 2, counts.flushes, us);
}

int main(int argc, char **argv)
{
	const uint64_t writes = lab_option(argc, argv, 'n', 100);

	lab_mount_disk("/dev/" DISK, "ext2");
	for (unsigned i = 0; i < sizeof(policies) / sizeof(*policies); i++)
		measure(&policies[i], writes);
	if (umount(LAB_MOUNT))
		lab_die("umount");
	return 0;
}
