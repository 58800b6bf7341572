/* SPDX-License-Identifier: MIT
 *
 * Names in folders: mkdir, links, rename, unlink, getdents64, mknod; and paths that are too long.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "check.h"

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && !close(fd));
}

/* Does the file hold this text? */
static int holds(const char *path, const char *text)
{
	char data[64] = "";
	int fd = open(path, O_RDONLY);
	ssize_t length = read(fd, data, sizeof data - 1);

	close(fd);
	return length == (ssize_t)strlen(text) && !strcmp(data, text);
}

static struct stat status(const char *path)
{
	struct stat st = {0};

	lstat(path, &st);
	return st;
}

static void folders(void)
{
	check("mkdir", !mkdir("d", 0755) && S_ISDIR(status("d").st_mode));
	check_fails("mkdir: exists", mkdir("d", 0755), EEXIST);
	check_fails("mkdir: no parent", mkdir("none/d", 0755), ENOENT);
	check("mkdir: trailing slash", !mkdir("d/sub/", 0755));
	check("a subfolder is a link to its parent", status("d").st_nlink == 3);
	check_fails("rmdir: not empty", rmdir("d"), ENOTEMPTY);
	check("rmdir", !rmdir("d/sub") && status("d").st_nlink == 2);
	put("f", "1");
	check_fails("rmdir of a file", rmdir("f"), ENOTDIR);
	check_fails("rmdir .", rmdir("d/."), EINVAL);
	check_fails("unlink of a folder", unlink("d"), EISDIR);
	check("unlinkat AT_REMOVEDIR", !unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	check_fails("gone is gone", rmdir("d"), ENOENT);
}

static void hard_links(void)
{
	check("link", !link("f", "g") && status("f").st_ino == status("g").st_ino);
	check("link count", status("f").st_nlink == 2);
	check("one file, two names", (put("g", "22"), holds("f", "22")));
	check_fails("link: exists", link("f", "g"), EEXIST);
	need(!mkdir("d", 0755));
	check_fails("link to a folder", link("d", "dlink"), EPERM);
	check("unlink leaves the other name", !unlink("f") && holds("g", "22"));
	check("link count is back", status("g").st_nlink == 1);
	check("linkat", !linkat(AT_FDCWD, "g", AT_FDCWD, "d/h", 0) && holds("d/h", "22"));
}

static void symbolic_links(void)
{
	char text[16] = "";

	check("symlink", !symlink("g", "s") && S_ISLNK(status("s").st_mode));
	check("readlink", readlink("s", text, sizeof text) == 1 && text[0] == 'g');
	check("readlink doesn't end with 0", text[1] == '\0' && readlink("s", text, 1) == 1);
	check("a link's size is its length", status("s").st_size == 1);
	check_fails("readlink of a file", readlink("g", text, sizeof text), EINVAL);
	check_fails("symlink: exists", symlink("x", "s"), EEXIST);
	check_fails("symlink: empty target", symlink("", "e"), ENOENT);
	check("through a link", holds("s", "22"));
	need(!symlink("loop2", "loop1") && !symlink("loop1", "loop2"));
	check_fails("links in a circle", open("loop1", O_RDONLY), ELOOP);
	need(!symlink("../d", "d/self"));
	check("a link in the middle, relative", holds("d/self/self/h", "22"));
	check("link to a link", !link("s", "s2") && S_ISLNK(status("s2").st_mode));
	check("unlink takes the link", !unlink("s") && holds("g", "22"));
}

static void renames(void)
{
	put("a", "a");
	put("b", "b");
	check("rename", !rename("a", "c") && holds("c", "a") && access("a", F_OK) == -1);
	check("rename replaces", !rename("c", "b") && holds("b", "a"));
	check_fails("rename: none", rename("none", "x"), ENOENT);
	need(!mkdir("d1", 0755) && !mkdir("d2", 0755) && !mkdir("d2/full", 0755));
	check_fails("rename: file over folder", rename("b", "d1"), EISDIR);
	check_fails("rename: folder over file", rename("d1", "b"), ENOTDIR);
	check_fails("rename: over a full folder", rename("d1", "d2"), ENOTEMPTY);
	check_fails("rename: into itself", rename("d2", "d2/full/x"), EINVAL);
	check("rename: over an empty folder", !rename("d1", "d2/full"));
	check("rename moves a folder", !rename("d2/full", "d3") && status("d2").st_nlink == 2);
	check("rename: the same file", !link("b", "b2") && !rename("b", "b2") && holds("b", "a"));
	check("renameat",
	      !renameat(AT_FDCWD, "b2", AT_FDCWD, "d3/moved") && holds("d3/moved", "a"));
	put("e1", "1");
	put("e2", "2");
	check_fails("renameat2 NOREPLACE",
		    syscall(SYS_renameat2, AT_FDCWD, "e1", AT_FDCWD, "e2", 1), EEXIST);
	check("renameat2 EXCHANGE", !syscall(SYS_renameat2, AT_FDCWD, "e1", AT_FDCWD, "e2", 2) &&
					    holds("e1", "2") && holds("e2", "1"));
}

static void unlinked_while_open(void)
{
	struct stat st;
	char text[4] = "";
	int fd;

	put("u", "abc");
	fd = open("u", O_RDWR);
	need(fd >= 0 && !unlink("u"));
	check("an unlinked file lives on", read(fd, text, 3) == 3 && !strcmp(text, "abc"));
	check("… with no links", !fstat(fd, &st) && st.st_nlink == 0);
	check("… and grows", write(fd, "def", 3) == 3 && !fstat(fd, &st) && st.st_size == 6);
	put("u", "other");
	check("… beside a new one of its name", pread(fd, text, 3, 3) == 3 && !strcmp(text, "def"));
	close(fd);
}

/* Counts a folder's entries with a small buffer; -1 if one comes twice or has a wrong type. */
static int count_entries(const char *path)
{
	char buffer[256], seen[200] = {0};
	int fd = open(path, O_RDONLY | O_DIRECTORY), count = 0, bad = 0;
	long length;

	while ((length = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0)
		for (long at = 0; at < length;) {
			struct dirent *entry = (void *)(buffer + at);
			int number = atoi(entry->d_name + 1);

			at += entry->d_reclen;
			count++;
			if (entry->d_name[0] == 'n')
				bad |= seen[number]++ || entry->d_type != DT_REG;
			else
				bad |= entry->d_type != DT_DIR || !entry->d_ino;
		}
	close(fd);
	return bad || length < 0 ? -1 : count;
}

static void listing(void)
{
	char name[32];
	int fd, i;

	need(!mkdir("many", 0755));
	for (i = 0; i < 150; i++) {
		snprintf(name, sizeof name, "many/n%03d", i);
		put(name, "");
	}
	check("getdents64: each name once, and . and ..", count_entries("many") == 152);
	for (i = 0; i < 150; i += 2) {
		snprintf(name, sizeof name, "many/n%03d", i);
		need(!unlink(name));
	}
	check("getdents64 after unlink", count_entries("many") == 77);
	fd = open("many", O_RDONLY);
	check_fails("getdents64: no room for one", syscall(SYS_getdents64, fd, name, 4), EINVAL);
	close(fd);
	fd = open("many/n001", O_RDONLY);
	check_fails("getdents64 of a file", syscall(SYS_getdents64, fd, name, 32), ENOTDIR);
	close(fd);
}

static void nodes_and_limits(void)
{
	static char path[PATH_MAX + 64];
	int fd;

	check("mkfifo", !mkfifo("fifo", 0600) && S_ISFIFO(status("fifo").st_mode));
	check_fails("fifo: O_WRONLY|O_NONBLOCK without a reader",
		    open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	check("mknod makes files", !mknod("plain", S_IFREG | 0600, 0) && holds("plain", ""));
	memset(path, 'n', 256);
	check_fails("a name of 256 bytes", open(path, O_RDONLY), ENAMETOOLONG);
	path[255] = '\0';
	fd = open(path, O_RDWR | O_CREAT, 0600);
	check("a name of 255 bytes", fd >= 0 && !close(fd) && !unlink(path));
	for (int i = 0; i < PATH_MAX + 32; i++)
		path[i] = i % 2 ? '/' : '.';
	check_fails("a path of more than 4095 bytes", open(path, O_RDONLY), ENAMETOOLONG);
	path[4094] = '.';
	path[4095] = '\0';
	check("a path of 4095 bytes", (fd = open(path, O_RDONLY)) >= 0);
	close(fd);
}

int main(void)
{
	folders();
	hard_links();
	symbolic_links();
	renames();
	unlinked_while_open();
	listing();
	nodes_and_limits();
	return check_end();
}
