/* SPDX-License-Identifier: MIT
 *
 * virtiofsd for one shared folder (Debian 12's, from qemu-system-common). See helpers.h.
 *
 * It shuts itself into the folder: as root by namespaces of its own; for others we give it a user namespace first,
 * in which it is root over the caller's files and nothing else. What the caller's groups may do, it may too.
 */
#include "backend/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OPTION_MAX (2 * PATH_MAX + 16)

static const char program[] = "/usr/lib/qemu/virtiofsd";

/* What the new process does before it is virtiofsd. */
struct confinement {
	const char *folder;
	bool user_namespace;
	bool read_only;
	char uid_map[32];
	char gid_map[32];
};

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* user_namespaces(7): one user, one group, and no way to drop groups. */
static bool become_root_of_own(const struct confinement *confinement)
{
	return unshare(CLONE_NEWUSER) == 0 && put("/proc/self/setgroups", "deny") &&
	       put("/proc/self/uid_map", confinement->uid_map) &&
	       put("/proc/self/gid_map", confinement->gid_map);
}

/* It insists on dropping its groups, which is not possible there: setgroups(2) then does nothing, and says 0. This
 * guards nothing, so it need not look at the architecture. */
static bool let_it_keep_its_groups(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setgroups, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = sizeof(code) / sizeof(*code), .filter = code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/* A mount of the folder on itself, which nobody outside sees. Flags that the mount has must stay. */
static bool make_read_only(const char *folder)
{
	const unsigned long locked = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(folder, folder, NULL, MS_BIND | MS_REC, NULL) < 0)
		return false;
	return mount(NULL, folder, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0 ||
	       mount(NULL, folder, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | locked, NULL) == 0;
}

static int prepare(void *ctx)
{
	static const char no_namespace[] =
		"vitrine: --share: this host allows no user namespaces; run as root\n";
	static const char no_read_only[] =
		"vitrine: --share: can't make the folder read-only for the guest\n";
	const struct confinement *confinement = ctx;
	const char *problem = NULL;

	if (confinement->user_namespace &&
	    (!become_root_of_own(confinement) || !let_it_keep_its_groups()))
		problem = no_namespace;
	else if (confinement->read_only && !make_read_only(confinement->folder))
		problem = no_read_only;
	if (problem && write(STDERR_FILENO, problem, strlen(problem)) < 0)
		return 1;
	return problem != NULL;
}

/* pivot_root(2) can't be done from an initramfs. */
static const char *sandbox_kind(void)
{
	char line[512];
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	bool initramfs = false;

	while (mounts && fgets(line, sizeof(line), mounts))
		initramfs |= strstr(line, " / / ") && strstr(line, " - rootfs ");
	if (mounts)
		fclose(mounts);
	return initramfs ? "chroot" : "namespace";
}

/* "-o" takes a list: commas and backslashes of a path are quoted. */
static void quote(const char *path, char text[OPTION_MAX])
{
	char *to = text + snprintf(text, OPTION_MAX, "source=");

	for (const char *from = path; *from && to < text + OPTION_MAX - 3; from++) {
		if (*from == ',' || *from == '\\')
			*to++ = '\\';
		*to++ = *from;
	}
	*to = '\0';
}

static int check(const struct virtiofsd_options *options, char *folder, char *err, size_t err_size)
{
	struct stat st;

	if (access(program, X_OK) < 0) {
		snprintf(err, err_size,
			 "--share: %s is missing; it is in Debian's package qemu-system-common",
			 program);
		return -ENOENT;
	}
	if (!realpath(options->folder, folder) || stat(folder, &st) < 0) {
		snprintf(err, err_size, "--share %s: %s", options->folder, strerror(errno));
		return -ENOENT;
	}
	if (!S_ISDIR(st.st_mode)) {
		snprintf(err, err_size, "--share %s: is not a folder", options->folder);
		return -ENOTDIR;
	}
	return 0;
}

int virtiofsd_start(const struct virtiofsd_options *options, struct child *child, char *err,
		    size_t err_size)
{
	char folder[PATH_MAX];
	char source[OPTION_MAX];
	char sandbox[32];
	char *argv[] = {(char *)program, "--fd=3", "-o", source, "-o", sandbox, "-o",
			"log_level=err", NULL};
	struct confinement confinement = {.folder = folder,
					  .user_namespace = geteuid() != 0,
					  .read_only = options->read_only};
	int error = check(options, folder, err, err_size);

	if (error)
		return error;
	quote(folder, source);
	snprintf(sandbox, sizeof(sandbox), "sandbox=%s", sandbox_kind());
	snprintf(confinement.uid_map, sizeof(confinement.uid_map), "0 %u 1", geteuid());
	snprintf(confinement.gid_map, sizeof(confinement.gid_map), "0 %u 1", getegid());
	error = child_start(argv, prepare, &confinement, child);
	if (error)
		snprintf(err, err_size, "--share %s: can't start virtiofsd: %s", options->folder,
			 strerror(-error));
	return error;
}
