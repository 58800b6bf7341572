/* SPDX-License-Identifier: MIT
 *
 * Bytes in files: positions, holes, vectors, truncation, and copies that the kernel makes.
 */
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "check.h"

#define MIB (1 << 20)

static int new_file(const char *path, const char *text)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : st.st_size;
}

static void positions(void)
{
	char text[16] = "";
	int fd = new_file("pos", "0123456789"), pipes[2];

	check("SEEK_SET", lseek(fd, 3, SEEK_SET) == 3 && read(fd, text, 1) == 1 && *text == '3');
	check("SEEK_CUR", lseek(fd, -2, SEEK_CUR) == 2);
	check("SEEK_END", lseek(fd, -1, SEEK_END) == 9 && read(fd, text, 4) == 1 && *text == '9');
	check("read at the end gives 0", read(fd, text, 4) == 0);
	check_fails("before the start", lseek(fd, -1, SEEK_SET), EINVAL);
	check_fails("bad whence", lseek(fd, 0, 99), EINVAL);
	check("beyond the end", lseek(fd, 1000, SEEK_SET) == 1000 && size_of(fd) == 10);
	check("pread", pread(fd, text, 3, 4) == 3 && !memcmp(text, "456", 3));
	check("pwrite",
	      pwrite(fd, "XY", 2, 0) == 2 && pread(fd, text, 3, 0) == 3 && !memcmp(text, "XY2", 3));
	check("they leave the position", lseek(fd, 0, SEEK_CUR) == 1000);
	check_fails("pread: negative", pread(fd, text, 1, -1), EINVAL);
	check("read of 0 bytes", read(fd, text, 0) == 0);
	close(fd);
	need(!pipe(pipes));
	check_fails("lseek of a pipe", lseek(pipes[0], 0, SEEK_CUR), ESPIPE);
	check_fails("pread of a pipe", pread(pipes[0], text, 1, 0), ESPIPE);
	close(pipes[0]);
	close(pipes[1]);
}

static void vectors(void)
{
	char a[4] = "", b[4] = "";
	struct iovec out[] = {{"ab", 2}, {NULL, 0}, {"cde", 3}};
	struct iovec in[] = {{a, 3}, {b, 3}};
	struct iovec bad[] = {{a, 2}, {b, (size_t)-1}};
	int fd = new_file("vec", "");

	check("writev", writev(fd, out, 3) == 5 && size_of(fd) == 5);
	check("readv", lseek(fd, 0, SEEK_SET) == 0 && readv(fd, in, 2) == 5 &&
			       !memcmp(a, "abc", 3) && !memcmp(b, "de", 2));
	check("pwritev", pwritev(fd, out, 1, 3) == 2 && size_of(fd) == 5);
	check("preadv", preadv(fd, in, 1, 2) == 3 && !memcmp(a, "cab", 3));
	check("readv: none", readv(fd, in, 0) == 0);
	check_fails("readv: too many", readv(fd, in, 1025), EINVAL);
	check_fails("readv: sum too large", readv(fd, bad, 2), EINVAL);
	close(fd);
}

static void truncation(void)
{
	char text[8] = "xxxxxxx";
	int fd = new_file("trunc", "abcdefgh");

	check("ftruncate cuts", !ftruncate(fd, 3) && size_of(fd) == 3);
	check("ftruncate grows", !ftruncate(fd, 6) && size_of(fd) == 6);
	check("… with zeros", pread(fd, text, 6, 0) == 6 && !memcmp(text, "abc\0\0\0", 6));
	check("truncate by name", !truncate("trunc", 1) && size_of(fd) == 1);
	check_fails("truncate: negative", truncate("trunc", -1), EINVAL);
	check_fails("truncate: none", truncate("none", 0), ENOENT);
	check_fails("truncate: a folder", truncate(".", 0), EISDIR);
	close(fd);
	fd = open("trunc", O_RDONLY);
	check_fails("ftruncate: read-only descriptor", ftruncate(fd, 0), EINVAL);
	close(fd);
	fd = new_file("cut", "");
	need(!ftruncate(fd, 3 * 4096) && pwrite(fd, "q", 1, 5000) == 1 && !ftruncate(fd, 4999) &&
	     !ftruncate(fd, 8192));
	check("cut off is cut off", pread(fd, text, 1, 5000) == 1 && text[0] == 0);
	close(fd);
}

static void sparse(void)
{
	struct stat st;
	char page[4096];
	int fd = new_file("sparse", ""), zeros = 1;

	check("write far behind the end", pwrite(fd, "end", 3, 64ll * MIB) == 3);
	check("size of it", size_of(fd) == 64ll * MIB + 3);
	check("holes take no room", !fstat(fd, &st) && st.st_blocks * 512ll < MIB);
	need(pread(fd, page, sizeof page, 32 * MIB) == sizeof page);
	for (unsigned i = 0; i < sizeof page; i++)
		zeros &= !page[i];
	check("a hole reads as zeros", zeros);
	check("SEEK_HOLE", lseek(fd, 0, SEEK_HOLE) == 0);
	check("SEEK_DATA", lseek(fd, 0, SEEK_DATA) == 64ll * MIB);
	check_fails("SEEK_DATA: beyond the end", lseek(fd, 65ll * MIB, SEEK_DATA), ENXIO);
	close(fd);
	unlink("sparse");
}

static int whole(int fd, size_t size)
{
	unsigned char data[1024];

	for (size_t at = 0; at < size; at += sizeof data) {
		need(pread(fd, data, sizeof data, at) == sizeof data);
		for (size_t i = 0; i < sizeof data; i++)
			if (data[i] != (unsigned char)((at + i) % 251))
				return 0;
	}
	return size_of(fd) == (off_t)size;
}

/* 200 KiB: many pages, written in pieces that straddle them. */
static int pattern(const char *path, size_t size)
{
	int fd = new_file(path, "");
	unsigned char data[1000];

	for (size_t at = 0; at < size;) {
		size_t length = size - at < sizeof data ? size - at : sizeof data;

		for (size_t i = 0; i < length; i++)
			data[i] = (at + i) % 251;
		need(write(fd, data, length) == (ssize_t)length);
		at += length;
	}
	return fd;
}

static void copies(void)
{
	size_t size = 200 << 10, left;
	off_t from = 0, to = 0;
	int fd = pattern("big", size), out = new_file("copy", ""), pipes[2];
	ssize_t got = 0;

	check("a file of 200 KiB reads back", whole(fd, size));
	for (left = size; left && (got = sendfile(out, fd, &from, left)) > 0; left -= got)
		;
	check("sendfile", !left && from == (off_t)size && whole(out, size));
	need(!ftruncate(out, 0));
	for (from = 0, left = size; left; left -= got)
		if ((got = copy_file_range(fd, &from, out, &to, left, 0)) <= 0)
			break;
	check("copy_file_range", !left && whole(out, size));
	need(!pipe(pipes));
	from = 10;
	check("sendfile to a pipe", sendfile(pipes[1], fd, &from, 100) == 100);
	check("sendfile: at the end 0", (from = size, sendfile(pipes[1], fd, &from, 10)) == 0);
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
	close(out);
}

static void the_rest(void)
{
	char c = 1;
	int fd = new_file("rest", "abc");

	check("fsync, fdatasync", !fsync(fd) && !fdatasync(fd));
	check("fallocate grows", !posix_fallocate(fd, 0, 100) && size_of(fd) == 100);
	close(fd);
	fd = open("/dev/null", O_RDWR);
	check("/dev/null", fd >= 0 && read(fd, &c, 1) == 0 && write(fd, &c, 1) == 1);
	close(fd);
	fd = open("/dev/zero", O_RDONLY);
	check("/dev/zero", fd >= 0 && read(fd, &c, 1) == 1 && c == 0);
	close(fd);
	fd = open("/dev/full", O_WRONLY);
	check_fails("/dev/full", write(fd, &c, 1), ENOSPC);
	close(fd);
	fd = open("/dev/urandom", O_RDONLY);
	unsigned long long words[2] = {0, 0};
	check("/dev/urandom",
	      read(fd, words, sizeof words) == sizeof words && words[0] != words[1]);
	close(fd);
}

int main(void)
{
	positions();
	vectors();
	truncation();
	sparse();
	copies();
	the_rest();
	return check_end();
}
