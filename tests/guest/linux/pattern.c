/* SPDX-License-Identifier: MIT
 *
 * pattern make|check BYTES [FILE] — writes or checks BYTES bytes in which each 8 depend on their place, so that a block
 * that is lost, doubled, moved or old shows. FILE may be a device; it is synced after writing. Without
 * FILE: standard output or input, as for a network.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_BYTES = 1 << 16 };

static uint64_t expected[CHUNK_BYTES / 8], found[CHUNK_BYTES / 8];

/* splitmix64's finalizer: neighbours have nothing in common */
static uint64_t word_at(uint64_t offset)
{
	uint64_t word = offset + 0x9e3779b97f4a7c15;

	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
	word = (word ^ word >> 27) * 0x94d049bb133111eb;
	return word ^ word >> 31;
}

static size_t fill(uint64_t offset, uint64_t end)
{
	for (uint64_t i = 0; i < CHUNK_BYTES / 8; i++)
		expected[i] = word_at(offset + i * 8);
	return end - offset < CHUNK_BYTES ? end - offset : CHUNK_BYTES;
}

static void make(int fd, uint64_t end)
{
	for (uint64_t offset = 0; offset < end;) {
		size_t len_bytes = fill(offset, end);

		for (size_t done = 0; done < len_bytes;) {
			ssize_t some = write(fd, (char *)expected + done, len_bytes - done);

			if (some <= 0)
				err(1, "write at %llu", (unsigned long long)(offset + done));
			done += some;
		}
		offset += len_bytes;
	}
}

static void check(int fd, uint64_t end)
{
	for (uint64_t offset = 0; offset < end;) {
		size_t len_bytes = fill(offset, end);

		for (size_t done = 0; done < len_bytes;) {
			ssize_t some = read(fd, (char *)found + done, len_bytes - done);

			if (some <= 0)
				errx(1, "it ends at %llu", (unsigned long long)(offset + done));
			done += some;
		}
		if (memcmp(found, expected, len_bytes) != 0)
			errx(1, "wrong between %llu and %llu", (unsigned long long)offset,
			     (unsigned long long)(offset + len_bytes));
		offset += len_bytes;
	}
}

int main(int argc, char **argv)
{
	int is_make = argc > 1 && strcmp(argv[1], "make") == 0, fd = is_make ? 1 : 0;

	if (argc < 3 || argc > 4 || (!is_make && strcmp(argv[1], "check") != 0))
		errx(2, "usage: pattern make|check BYTES [FILE]");
	if (argc == 4)
		fd = open(argv[3], (is_make ? O_WRONLY | O_CREAT : O_RDONLY) | O_CLOEXEC, 0644);
	if (fd < 0)
		err(1, "%s", argv[3]);
	(is_make ? make : check)(fd, strtoull(argv[2], NULL, 10));
	if (argc == 4 && is_make && fsync(fd))
		err(1, "fsync");
	if (argc == 4) /* whoever checks next reads the device, not the cache */
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}
