/* SPDX-License-Identifier: MIT
 *
 * Reads a file that holds nothing but the letter d, and says what it got and what the kernel said.
 *
 *   flipped-bit read TYPE DEVICE [NAME]    mounts, reads /file; NAME is for the row
 *   flipped-bit flip IMAGE                 turns over one bit in the midst of the file's data on the disk
 */
#include "lab_disk.h"

#define LETTER 'd'
#define CONTENT_BYTES 65536
#define RUN 4096 /* so many of the letter in a row are data */

static void flip(const char *path)
{
	const int fd = lab_open(path, O_RDWR);
	static char block[RUN], expected[RUN];

	memset(expected, LETTER, sizeof(expected));
	for (off_t at = 0; pread(fd, block, RUN, at) == RUN; at += RUN) {
		if (memcmp(block, expected, RUN) != 0)
			continue;
		at += RUN / 2;
		if (pwrite(fd, "e", 1, at) != 1)
			lab_die(path);
		printf("byte %ld of the disk: 'd' is 'e' now\n", (long)at);
		close(fd);
		return;
	}
	fprintf(stderr, "%s: the file's data aren't found\n", path);
	exit(1);
}

/* How many bytes are wrong, and with which error reading ended. */
static void read_file(const char *name)
{
	static char content[CONTENT_BYTES];
	const int fd = lab_open(LAB_MOUNT "/file", O_RDONLY);
	unsigned wrong = 0, got = 0;
	ssize_t now;

	while ((now = read(fd, content, sizeof(content))) > 0) {
		for (ssize_t i = 0; i < now; i++)
			wrong += content[i] != LETTER;
		got += (unsigned)now;
	}
	printf("%-9s read %5u bytes, %u of them wrong, then: %s\n", name, got, wrong,
	       now < 0 ? strerror(errno) : "the end");
	lab_row("read", "type=%s bytes=%u good=%u wrong=%u error=%d", name, got, got - wrong, wrong,
		now < 0 ? errno : 0);
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
