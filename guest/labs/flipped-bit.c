/* SPDX-License-Identifier: MIT
 *
 * Reads a file of 16 blocks that holds nothing but the letter d, and says which blocks are right.
 *
 *   flipped-bit read TYPE DEVICE [NAME]    mounts, reads /file; NAME is for the row
 *   flipped-bit flip IMAGE                 turns over one bit in the midst of the file's data on the disk
 */
#include "lab_disk.h"

#define LETTER 'd'
#define BLOCK 4096
#define BLOCKS 16
#define DAMAGED 7 /* of the blocks */

/* true: nothing but the letter. */
static bool is_whole(const char *block)
{
	for (unsigned i = 0; i < BLOCK; i++)
		if (block[i] != LETTER)
			return false;
	return true;
}

static void flip(const char *path)
{
	const int fd = lab_open(path, O_RDWR);
	unsigned found = 0;
	char block[BLOCK];

	for (off_t at = 0; pread(fd, block, BLOCK, at) == BLOCK; at += BLOCK) {
		if (!is_whole(block) || found++ < DAMAGED)
			continue;
		if (pwrite(fd, "e", 1, at + BLOCK / 2) != 1)
			lab_die(path);
		printf("byte %ld of the disk: 'd' is 'e' now\n", (long)at + BLOCK / 2);
		close(fd);
		return;
	}
	fprintf(stderr, "%s: the file's data aren't found\n", path);
	exit(1);
}

/* Block by block, also behind one that can't be read. */
static void read_file(const char *name)
{
	const int fd = lab_open(LAB_MOUNT "/file", O_RDONLY);
	unsigned good = 0, wrong = 0, refused = 0;
	int error = 0;

	for (unsigned i = 0; i < BLOCKS; i++) {
		char block[BLOCK];

		if (pread(fd, block, BLOCK, (off_t)i * BLOCK) != BLOCK) {
			error = errno;
			refused++;
		} else if (is_whole(block)) {
			good++;
		} else {
			wrong++;
		}
	}
	printf("%-9s %2u blocks right, %u wrong, %u refused%s%s\n", name, good, wrong, refused,
	       error ? ": " : "", error ? strerror(error) : "");
	lab_row("read", "type=%s good=%u wrong=%u refused=%u error=%d", name, good, wrong, refused,
		error);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "flip") == 0) {
		flip(argv[2]);
		return 0;
	}
	if (argc < 4 || strcmp(argv[1], "read") != 0)
		return 2;
	lab_mount_disk(argv[3], argv[2]);
	read_file(argv[argc > 4 ? 4 : 2]);
	if (umount(LAB_MOUNT))
		lab_die("umount");
	return 0;
}
