/* SPDX-License-Identifier: MIT
 *
 * What a device file is: a name for two numbers. Which disk has which name depends on the order in which the
 * disks were found; which disk has which serial number doesn't.
 *
 *   device-files        on two virtio disks with id=red and id=blue that hold these words
 */
#include <sys/sysmacros.h>

#include "lab_disk.h"

#define MINE "/tmp/mine"

/* The disk's first word. */
static const char *read_word(const char *path)
{
	static char sector[512];
	const int fd = lab_open(path, O_RDONLY);

	if (read(fd, sector, sizeof(sector)) != sizeof(sector))
		lab_die(path);
	close(fd);
	sector[strcspn(sector, " \n")] = 0;
	return sector;
}

static void show(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	const char *holds = read_word(path);
	char target[64] = "-";
	struct stat about;

	if (readlink(path, target, sizeof(target) - 1) < 0)
		target[0] = '-';
	if (stat(path, &about))
		lab_die(path);
	printf("%-32s %c %3u:%-3u  link to %-12s holds \"%s\"\n", path,
	       S_ISBLK(about.st_mode) ? 'b' : 'c', major(about.st_rdev), minor(about.st_rdev),
	       target, holds);
	lab_row("name", "name=%s type=%s major=%u minor=%u link=%s holds=%s", name,
		S_ISBLK(about.st_mode) ? "block" : "char", major(about.st_rdev),
		minor(about.st_rdev), target, holds);
}

/* A node of our own, with the numbers of another: the same device. */
static void make_own(const char *like)
{
	struct stat about;

	mkdir("/tmp", 0755);
	if (stat(like, &about) || mknod(MINE, S_IFBLK | 0600, about.st_rdev))
		lab_die(MINE);
}

/* Nobody has a device with these numbers: a name alone is worth nothing. */
static void open_nothing(void)
{
	unlink(MINE);
	if (mknod(MINE, S_IFBLK | 0600, makedev(254, 255)))
		lab_die(MINE);
	const int fd = open(MINE, O_RDONLY);

	printf("%-32s b 254:255  open(): %s\n", MINE, fd < 0 ? strerror(errno) : "works");
	lab_row("nobody", "error=%d", fd < 0 ? errno : 0);
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	show("/dev/vda");
	show("/dev/vdb");
	show("/dev/disk/by-id/virtio-red");
	show("/dev/disk/by-id/virtio-blue");
	make_own("/dev/vdb");
	show(MINE);
	open_nothing();
	return 0;
}
