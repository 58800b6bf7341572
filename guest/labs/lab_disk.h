/* SPDX-License-Identifier: MIT
 *
 * What labs about disks share: what the kernel has counted for a disk, and small steps that end the lab when
 * they fail.
 */
#ifndef GUEST_LABS_LAB_DISK_H
#define GUEST_LABS_LAB_DISK_H

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab.h"

#define LAB_MOUNT "/mnt"

/* Of /sys/block/DISK/stat, since the machine started. */
struct lab_disk {
	uint64_t reads, reads_merged, read_sectors, writes, writes_merged, write_sectors, flushes;
};

static inline struct lab_disk lab_disk(const char *disk)
{
	struct lab_disk now = {0};
	uint64_t field[17] = {0};
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/block/%s/stat", disk);
	file = fopen(path, "re");
	if (!file)
		lab_die(path);
	for (unsigned i = 0; i < 17; i++)
		if (fscanf(file, "%lu", &field[i]) != 1)
			break;
	fclose(file);
	now.reads = field[0];
	now.reads_merged = field[1];
	now.read_sectors = field[2];
	now.writes = field[4];
	now.writes_merged = field[5];
	now.write_sectors = field[6];
	now.flushes = field[15];
	return now;
}

/* What was counted since `then`. */
static inline struct lab_disk lab_disk_since(const char *disk, struct lab_disk then)
{
	struct lab_disk now = lab_disk(disk);

	now.reads -= then.reads;
	now.reads_merged -= then.reads_merged;
	now.read_sectors -= then.read_sectors;
	now.writes -= then.writes;
	now.writes_merged -= then.writes_merged;
	now.write_sectors -= then.write_sectors;
	now.flushes -= then.flushes;
	return now;
}

static inline int lab_open(const char *path, int flags)
{
	const int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		lab_die(path);
	return fd;
}

/* A whole small file gets this text, e.g. a setting below /proc or /sys. */
static inline void lab_set(const char *path, const char *text)
{
	const int fd = lab_open(path, O_WRONLY);

	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		lab_die(path);
	close(fd);
}

/* Clean pages leave the page cache. */
static inline void lab_drop_caches(void)
{
	lab_set("/proc/sys/vm/drop_caches", "1\n");
}

/* A stock Linux may have the file system as a module, which its kernel doesn't find by itself. */
static inline void lab_mount_disk(const char *device, const char *type)
{
	char load[64];

	mkdir(LAB_MOUNT, 0755);
	if (!mount(device, LAB_MOUNT, type, 0, NULL))
		return;
	snprintf(load, sizeof(load), "modprobe -q %s 2> /dev/null", type);
	if (errno != ENODEV || system(load) || mount(device, LAB_MOUNT, type, 0, NULL))
		lab_die(device);
}

#endif
