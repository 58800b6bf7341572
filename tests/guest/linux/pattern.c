/* SPDX-License-Identifier: MIT
 *
 * pattern make|check BYTES [FILE] — writes or checks BYTES bytes in which each 8 depend on their
 * place, so that a block that is lost, doubled, moved or old shows. FILE may be a device; it is
 * synced after writing. It may also be tcp:ADDRESS:PORT or, for one client, listen:PORT. Without
 * FILE: standard output or input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

/* "tcp:10.0.2.2:9010", "listen:9010" */
static int open_network(const char *text)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	char host[64] = "";
	unsigned port = 0;

	if (fd < 0)
		err(1, "socket");
	if (sscanf(text, "listen:%u", &port) == 1) {
		address.sin_port = htons(port);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 1))
			err(1, "%s", text);
		return accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	}
	if (sscanf(text, "tcp:%63[^:]:%u", host, &port) != 2 ||
	    inet_pton(AF_INET, host, &address.sin_addr) != 1)
		errx(2, "%s: write tcp:ADDRESS:PORT", text);
	address.sin_port = htons(port);
	return connect(fd, (struct sockaddr *)&address, sizeof address) ? -1 : fd;
}

static int open_file(const char *path, int is_make)
{
	int fd;

	if (strncmp(path, "tcp:", 4) == 0 || strncmp(path, "listen:", 7) == 0)
		fd = open_network(path);
	else
		fd = open(path, (is_make ? O_WRONLY | O_CREAT : O_RDONLY) | O_CLOEXEC, 0644);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

/* A file is on its disk; the network's other end has closed. */
static void finish(int fd)
{
	char rest;

	if (shutdown(fd, SHUT_WR) == 0)
		while (read(fd, &rest, 1) > 0)
			;
	else if (fsync(fd))
		err(1, "fsync");
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* whoever checks next reads the device */
}

int main(int argc, char **argv)
{
	int is_make = argc > 1 && strcmp(argv[1], "make") == 0, fd = is_make ? 1 : 0;

	if (argc < 3 || argc > 4 || (!is_make && strcmp(argv[1], "check") != 0))
		errx(2, "usage: pattern make|check BYTES [FILE]");
	if (argc == 4)
		fd = open_file(argv[3], is_make);
	(is_make ? make : check)(fd, strtoull(argv[2], NULL, 10));
	if (argc == 4 && is_make)
		finish(fd);
	return 0;
}
