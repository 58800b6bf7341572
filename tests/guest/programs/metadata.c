/* SPDX-License-Identifier: MIT
 *
 * What a file says about itself, and who may do what: stat, chmod, chown, umask, access, times,
 * statfs. The permission checks need root, whose children become somebody else.
 */
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "check.h"

#define SOMEBODY 1000
#define OTHERS 1001

static void put(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	need(fd >= 0 && write(fd, "text\n", 5) == 5 && !close(fd) && !chmod(path, mode));
}

static struct stat status(const char *path)
{
	struct stat st = {0};

	lstat(path, &st);
	return st;
}

static void fields(void)
{
	struct stat st, same;
	int fd;

	put("f", 0640);
	st = status("f");
	check("st_mode", st.st_mode == (S_IFREG | 0640));
	check("st_size, st_nlink", st.st_size == 5 && st.st_nlink == 1);
	check("st_uid, st_gid", st.st_uid == geteuid() && st.st_gid == getegid());
	check("st_ino, st_dev, st_blksize", st.st_ino && st.st_dev && st.st_blksize >= 512);
	fd = open("f", O_RDONLY);
	check("fstat is the same file",
	      !fstat(fd, &same) && same.st_ino == st.st_ino && same.st_dev == st.st_dev);
	check("fstatat AT_EMPTY_PATH",
	      !fstatat(fd, "", &same, AT_EMPTY_PATH) && same.st_ino == st.st_ino);
	close(fd);
	st = status("/dev/null");
	check("/dev/null is 1:3", S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	check_fails("stat of nothing", stat("none", &st), ENOENT);
	check_fails("stat of an empty path", stat("", &st), ENOENT);
	need(!symlink("f", "l"));
	check("stat follows, lstat doesn't",
	      !stat("l", &same) && S_ISREG(same.st_mode) && S_ISLNK(status("l").st_mode));
	struct {
		unsigned mask, blksize;
		unsigned long long attributes;
		unsigned nlink, uid, gid;
		unsigned short mode, pad;
		unsigned long long rest[28];
	} x = {0};
	check("statx", !syscall(SYS_statx, AT_FDCWD, "f", 0, 0x7ff, &x) &&
			       x.mode == (S_IFREG | 0640) && x.nlink == 1);
}

static void modes(void)
{
	int fd;

	umask(027);
	fd = open("masked", O_WRONLY | O_CREAT, 0666);
	close(fd);
	check("umask takes bits away", (status("masked").st_mode & 07777) == 0640);
	check("umask: folders too",
	      !mkdir("maskdir", 0777) && (status("maskdir").st_mode & 07777) == 0750);
	check("umask gives the old one", umask(022) == 027 && umask(022) == 022);
	check("chmod", !chmod("f", 01755) && (status("f").st_mode & 07777) == 01755);
	fd = open("f", O_RDONLY);
	check("fchmod", !fchmod(fd, 0600) && (status("f").st_mode & 07777) == 0600);
	close(fd);
	check("fchmodat",
	      !fchmodat(AT_FDCWD, "f", 0644, 0) && (status("f").st_mode & 0777) == 0644);
	check_fails("chmod of nothing", chmod("none", 0), ENOENT);
}

static void times(void)
{
	struct timespec t[2] = {{1000000000, 5}, {1100000000, 7000000}};
	struct timespec omit[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
	struct timespec bad[2] = {{0, 2000000000}, {0, 0}};
	struct stat st;
	time_t now = time(NULL);

	check("utimensat", !utimensat(AT_FDCWD, "f", t, 0));
	st = status("f");
	check("… atime and mtime",
	      st.st_atim.tv_sec == 1000000000 && st.st_mtim.tv_sec == 1100000000);
	check("… ctime is now", st.st_ctim.tv_sec >= now - 1 && st.st_ctim.tv_sec <= now + 2);
	check("UTIME_OMIT, UTIME_NOW", !utimensat(AT_FDCWD, "f", omit, 0));
	st = status("f");
	check("… one kept, one now",
	      st.st_atim.tv_sec == 1000000000 && st.st_mtim.tv_sec >= now - 1);
	check_fails("utimensat: bad nanoseconds", utimensat(AT_FDCWD, "f", bad, 0), EINVAL);
	need(!utimensat(AT_FDCWD, "f", t, 0));
	int fd = open("f", O_WRONLY | O_APPEND);
	need(write(fd, "x", 1) == 1);
	close(fd);
	check("write sets mtime", status("f").st_mtim.tv_sec >= now - 1);
	need(!utimensat(AT_FDCWD, ".", t, 0));
	put("touched", 0644);
	check("a new name sets the folder's mtime", status(".").st_mtim.tv_sec >= now - 1);
}

static void file_system(void)
{
	struct statfs fs;
	struct statvfs vfs;

	check("statfs", !statfs(".", &fs) && fs.f_bsize > 0 && fs.f_namelen == 255);
	check("free is no more than all", fs.f_bfree <= fs.f_blocks && fs.f_bavail <= fs.f_bfree);
	check("statvfs", !statvfs("/", &vfs) && vfs.f_namemax == 255);
	check("statfs of /proc", !statfs("/proc", &fs) && fs.f_type == 0x9fa0);
	check_fails("statfs of nothing", statfs("none", &fs), ENOENT);
}

static void become(uid_t uid)
{
	need(!setgid(uid) && !setuid(uid));
}

static int as_somebody(void *path)
{
	(void)path;
	become(SOMEBODY);
	check("owner may read", !access("mine", R_OK) && !close(open("mine", O_RDONLY)));
	check_fails("owner may not write", open("mine", O_WRONLY), EACCES);
	check_fails("no reading of others' 0600", open("roots", O_RDONLY), EACCES);
	check_fails("access says so", access("roots", R_OK), EACCES);
	check_fails("no search without x", open("closed/file", O_RDONLY), EACCES);
	check_fails("no listing without r", open("dark", O_RDONLY), EACCES);
	check("but a known name", (errno = 0, open("dark/file", O_RDONLY)) >= 0);
	check_fails("no new name without w", open("dark/new", O_WRONLY | O_CREAT, 0600), EACCES);
	check_fails("no unlink without w", unlink("dark/file"), EACCES);
	check_fails("chown is root's", chown("mine", 0, 0), EPERM);
	check_fails("chmod is the owner's", chmod("roots", 0777), EPERM);
	check("owner may chmod", !chmod("mine", 0700));
	check_fails("sticky: not others' files", unlink("sticky/roots"), EPERM);
	check_fails("utimensat: not others' files", utimensat(AT_FDCWD, "roots", NULL, 0), EACCES);
	check_fails("a device node is root's", mknod("sticky/dev", S_IFCHR | 0600, makedev(1, 3)),
		    EPERM);
	check_fails("chroot is root's", chroot("."), EPERM);
	return check_count.failed;
}

static int as_group(void *unused)
{
	gid_t groups[] = {50, SOMEBODY};

	(void)unused;
	need(!setgroups(2, groups) && !setgid(OTHERS) && !setuid(OTHERS));
	check("a supplementary group counts", !close(open("groups", O_RDONLY)));
	check_fails("only for what it may", open("groups", O_WRONLY), EACCES);
	check("getgroups", getgroups(0, NULL) == 2);
	return check_count.failed;
}

static void prepare(void)
{
	put("mine", 0400);
	put("roots", 0600);
	put("groups", 0640);
	need(!chown("mine", SOMEBODY, SOMEBODY) && !chown("groups", 0, SOMEBODY));
	need(!mkdir("closed", 0700) && !mkdir("dark", 0711) && !mkdir("sticky", 0755));
	put("closed/file", 0644);
	put("dark/file", 0644);
	put("sticky/roots", 0666);
	need(!chmod(".", 0755) && !chmod("sticky", 01777));
}

static void permissions(void)
{
	struct stat st;

	if (geteuid()) {
		check_skip("permissions", "needs root");
		return;
	}
	prepare();
	check("root reads all", !access("mine", R_OK | W_OK));
	check_fails("root executes nothing without x", access("mine", X_OK), EACCES);
	check("owner and others", in_child(as_somebody, NULL) == 0);
	check("groups", in_child(as_group, NULL) == 0);
	need(!chmod("mine", 06755) && !chown("mine", OTHERS, OTHERS));
	st = status("mine");
	check("chown", st.st_uid == OTHERS && st.st_gid == OTHERS);
	check("chown takes set-uid away", (st.st_mode & 07777) == 0755);
	check("chown -1 changes nothing",
	      !chown("mine", -1, -1) && status("mine").st_uid == OTHERS);
	check("lchown of a link", !lchown("l", SOMEBODY, 0) && status("l").st_uid == SOMEBODY);
	need(!mkdir("sgid", 0755) && !chown("sgid", 0, OTHERS) && !chmod("sgid", 02755));
	put("sgid/f", 0644);
	check("a set-gid folder gives its group", status("sgid/f").st_gid == OTHERS);
	check("… to folders with the bit",
	      !mkdir("sgid/d", 0755) && (status("sgid/d").st_mode & 02000));
}

int main(void)
{
	fields();
	modes();
	times();
	file_system();
	permissions();
	return check_end();
}
