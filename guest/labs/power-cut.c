/* SPDX-License-Identifier: MIT
 *
 * Moves a file from one folder to another, and makes sure of it by fsync() of both folders. What it writes to the
 * disk is recorded; power-cut-states.sh then cuts the power behind each of the writes.
 *
 *   power-cut TYPE DEVICE      whose file system has /from/file and /to
 */
#include "lab_disk.h"

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
	if (rename(LAB_MOUNT "/from/file", LAB_MOUNT "/to/file"))
		lab_die("rename");
	sync_directory(LAB_MOUNT "/to");
	sync_directory(LAB_MOUNT "/from");
	if (umount(LAB_MOUNT))
		lab_die("umount");
	printf("moved /from/file to /to/file on %s\n", argv[1]);
	return 0;
}
