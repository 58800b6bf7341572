/* SPDX-License-Identifier: MIT
 *
 * Replaces a file in the way that everybody recommends: write a new one beside it, fsync(), rename() over the
 * old name, fsync() the directory. What it writes to the disk is recorded; guest/labs/power-cut-states.sh then
 * cuts the power behind each of the writes.
 *
 *   power-cut TYPE DEVICE
 */
#include "lab_disk.h"

#define CONTENT_BYTES 8192

static void write_file(const char *path, char letter)
{
	char content[CONTENT_BYTES];
	const int fd = lab_open(path, O_WRONLY | O_CREAT | O_TRUNC);

	memset(content, letter, sizeof(content));
	if (write(fd, content, sizeof(content)) != sizeof(content) || fsync(fd))
		lab_die(path);
	close(fd);
}

static void sync_directory(const char *path)
{
	const int fd = lab_open(path, O_RDONLY);

	if (fsync(fd))
		lab_die(path);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	lab_mount_disk(argv[2], argv[1]);
	write_file(LAB_MOUNT "/new", 'N');
	if (rename(LAB_MOUNT "/new", LAB_MOUNT "/file"))
		lab_die("rename");
	sync_directory(LAB_MOUNT);
	if (umount(LAB_MOUNT))
		lab_die("umount");
	printf("replaced /file on %s\n", argv[1]);
	return 0;
}
