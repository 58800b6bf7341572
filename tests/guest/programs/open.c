/* SPDX-License-Identifier: MIT
 *
 * Descriptors and how they come about: open(2) and its flags, openat, dup, fcntl, the working
 * directory.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "check.h"

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && !close(fd));
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : st.st_size;
}

static void creation(void)
{
	int fd;

	check_fails("open: no such file", open("none", O_RDONLY), ENOENT);
	check_fails("open: no such folder", open("none/file", O_RDWR | O_CREAT, 0644), ENOENT);
	fd = open("new", O_RDWR | O_CREAT | O_EXCL, 0644);
	check("open: O_CREAT|O_EXCL makes a file", fd >= 0 && size_of("new") == 0);
	close(fd);
	check_fails("open: O_EXCL: exists", open("new", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
	put("new", "12345");
	close(open("new", O_WRONLY | O_CREAT, 0644));
	check("open: without O_TRUNC nothing is lost", size_of("new") == 5);
	close(open("new", O_WRONLY | O_TRUNC));
	check("open: O_TRUNC empties", size_of("new") == 0);
	check_fails("open: empty path", open("", O_RDONLY), ENOENT);
	check_fails("open: a file isn't a folder", open("new/x", O_RDONLY), ENOTDIR);
	check_fails("open: a folder can't be written", open(".", O_WRONLY), EISDIR);
	check_fails("open: O_CREAT of a folder", open(".", O_RDONLY | O_CREAT, 0644), EISDIR);
	check_fails("open: trailing slash on a file", open("new/", O_RDONLY), ENOTDIR);
}

static void access_modes(void)
{
	char byte = 'x';
	int fd = open("new", O_RDONLY);

	check_fails("O_RDONLY: no write", write(fd, &byte, 1), EBADF);
	close(fd);
	fd = open("new", O_WRONLY);
	check_fails("O_WRONLY: no read", read(fd, &byte, 1), EBADF);
	check("F_GETFL gives the access mode", (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY);
	close(fd);
	fd = open("new", O_PATH);
	check_fails("O_PATH: no read", read(fd, &byte, 1), EBADF);
	close(fd);
	check_fails("a closed descriptor is bad", read(fd, &byte, 1), EBADF);
	check_fails("close: bad descriptor", close(-1), EBADF);
}

static void append(void)
{
	char text[8] = "";
	int fd, other;

	put("log", "ab");
	fd = open("log", O_RDWR | O_APPEND);
	other = open("log", O_WRONLY | O_APPEND);
	need(fd >= 0 && other >= 0);
	check("O_APPEND: writes at the end", lseek(fd, 0, SEEK_SET) == 0 && write(fd, "c", 1) == 1);
	check("O_APPEND: two writers don't overwrite",
	      write(other, "d", 1) == 1 && write(fd, "e", 1) == 1 &&
		      pread(fd, text, sizeof text, 0) == 5 && !strcmp(text, "abcde"));
	check("F_SETFL takes O_APPEND away", !fcntl(fd, F_SETFL, 0) &&
						     lseek(fd, 0, SEEK_SET) == 0 &&
						     write(fd, "A", 1) == 1 && size_of("log") == 5);
	close(fd);
	close(other);
}

static void links(void)
{
	char text[3] = "";
	int fd;

	put("target", "t");
	need(!symlink("target", "link") && !mkdir("folder", 0755) && !symlink("folder", "dirlink"));
	fd = open("link", O_RDONLY);
	check("open follows a symbolic link", read(fd, text, 2) == 1 && text[0] == 't');
	close(fd);
	check_fails("O_NOFOLLOW doesn't", open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
	check_fails("O_DIRECTORY wants a folder", open("target", O_RDONLY | O_DIRECTORY), ENOTDIR);
	fd = open("dirlink", O_RDONLY | O_DIRECTORY);
	check("O_DIRECTORY takes a link to one", fd >= 0);
	check_fails("read of a folder", read(fd, text, 1), EISDIR);
	close(fd);
	need(!symlink("dangling-target", "dangling"));
	check_fails("open of a dangling link", open("dangling", O_RDONLY), ENOENT);
	check_fails("O_EXCL on a dangling link",
		    open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0644), EEXIST);
	fd = open("dangling", O_WRONLY | O_CREAT, 0644);
	check("O_CREAT makes a dangling link's target", fd >= 0 && size_of("dangling-target") == 0);
	close(fd);
}

static void relative(void)
{
	int folder = open("folder", O_RDONLY | O_DIRECTORY), file;

	need(folder >= 0);
	file = openat(folder, "inside", O_RDWR | O_CREAT, 0644);
	check("openat: in that folder", file >= 0 && size_of("folder/inside") == 0);
	check_fails("openat: a file is no folder", openat(file, "x", O_RDONLY), ENOTDIR);
	check_fails("openat: bad descriptor", openat(999, "x", O_RDONLY), EBADF);
	close(file);
	check("openat: absolute paths don't care",
	      (file = openat(999, "/", O_RDONLY)) >= 0 && !close(file));
	check("openat: .. leads out", (file = openat(folder, "../new", O_RDONLY)) >= 0);
	close(file);
	close(folder);
}

static void duplicates(void)
{
	char c;
	int fd, copy;

	put("abc", "abc");
	fd = open("abc", O_RDONLY);
	copy = dup(fd);
	check("dup shares the position",
	      read(fd, &c, 1) == 1 && read(copy, &c, 1) == 1 && c == 'b');
	check("dup gives the lowest number", !close(copy) && dup(fd) == copy && !close(copy));
	check("dup2 takes that number", dup2(fd, 77) == 77 && read(77, &c, 1) == 1 && c == 'c');
	check("dup2 onto itself", dup2(fd, fd) == fd);
	check_fails("dup2 of a bad one", dup2(999, 5), EBADF);
	check_fails("dup2 to beyond the limit", dup2(fd, 1 << 20), EBADF);
	check("dup3 O_CLOEXEC", dup3(fd, 78, O_CLOEXEC) == 78 && fcntl(78, F_GETFD) == FD_CLOEXEC);
	check_fails("dup3 onto itself", dup3(fd, fd, 0), EINVAL);
	check("F_DUPFD: from there on", fcntl(fd, F_DUPFD, 90) == 90);
	check("F_DUPFD_CLOEXEC",
	      fcntl(fd, F_DUPFD_CLOEXEC, 90) == 91 && fcntl(91, F_GETFD) == FD_CLOEXEC);
	check("F_SETFD", !fcntl(91, F_SETFD, 0) && fcntl(91, F_GETFD) == 0);
	check_fails("fcntl: unknown command", fcntl(fd, 9999, 0), EINVAL);
	check_fails("fcntl: bad descriptor", fcntl(999, F_GETFD), EBADF);
	close(fd);
}

static void working_directory(void)
{
	char before[PATH_MAX], after[PATH_MAX];
	int fd = open(".", O_RDONLY);

	need(fd >= 0 && getcwd(before, sizeof before));
	check("chdir", !chdir("folder") && getcwd(after, sizeof after));
	check("getcwd names the folder",
	      strlen(after) == strlen(before) + 7 && !strcmp(after + strlen(before), "/folder"));
	check("chdir ..", !chdir("..") && getcwd(after, sizeof after) && !strcmp(before, after));
	check_fails("chdir to a file", chdir("new"), ENOTDIR);
	check_fails("chdir to nothing", chdir("none"), ENOENT);
	check("fchdir",
	      !chdir("/") && !fchdir(fd) && getcwd(after, sizeof after) && !strcmp(before, after));
	errno = 0;
	check("getcwd: too small", !getcwd(after, 2) && errno == ERANGE);
	check("getcwd through a link says the real name",
	      !chdir("dirlink") && getcwd(after, sizeof after) && strstr(after, "/folder"));
	need(!fchdir(fd));
	check("/.. is /", !chdir("/..") && getcwd(after, sizeof after) && !strcmp(after, "/"));
	need(!fchdir(fd));
	close(fd);
}

int main(void)
{
	creation();
	access_modes();
	append();
	links();
	relative();
	duplicates();
	working_directory();
	return check_end();
}
