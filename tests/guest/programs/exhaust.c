/* SPDX-License-Identifier: MIT
 *
 * Taking all there is, of processes, memory, disk, descriptors: whoever asks for too much is told so
 * or killed, and everybody else goes on.
 *
 *   exhaust          with limits set by the program itself
 *   exhaust all      up to what the machine has: for a machine that is there for this
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "check.h"

#define NOBODY_ELSE 54321
#define MIB (1l << 20)
#define DISK "/tmp/small-disk"

static int is_whole_machine;

static int still_works(void *unused)
{
	(void)unused;
	return write(open("works", O_WRONLY | O_CREAT, 0600), "x", 1) != 1;
}

/* Of all processes that are as small as this one, the one that judges them shall not be the victim. */
static void be_killed_first(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	need(write(fd, "1000", 4) == 4);
	close(fd);
}

/* Each child forks for as long as it can; fork fails in the end, and all wait to be killed. */
static int bomb(void *unused)
{
	struct rlimit limit = {60, 60};
	int refused = 0;

	(void)unused;
	be_killed_first();
	if (!is_whole_machine)
		setrlimit(RLIMIT_NPROC, &limit);
	if (setgid(NOBODY_ELSE) || setuid(NOBODY_ELSE))
		return 1;
	setpgid(0, 0);
	while (!refused) {
		pid_t pid = fork();

		if (pid < 0)
			refused = errno == EAGAIN || errno == ENOMEM;
		if (pid < 0 && !refused)
			return 2;
	}
	pause();
	return 3;
}

static void fork_bomb(void)
{
	if (geteuid()) {
		check_skip("fork bomb", "needs root, to become a user with a limit");
		return;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t pid = child_start(bomb, NULL);

	sleep_ms(is_whole_machine ? 3000 : 300);
	check("fork bomb: it is still there", waitpid(pid, NULL, WNOHANG) == 0);
	/* More may come while some die; the orphans are ours. */
	while (!kill(-pid, SIGKILL)) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		sleep_ms(5);
	}
	check("fork bomb: all are killed", wait(NULL) == -1 && errno == ECHILD);
	check("fork bomb: others go on", in_child(still_works, NULL) == 0);
}

static int hog(void *unused)
{
	struct rlimit limit = {64 * MIB, 64 * MIB};

	(void)unused;
	be_killed_first();
	if (!is_whole_machine)
		setrlimit(RLIMIT_AS, &limit);
	for (;;) {
		char *at = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				0);

		if (at == MAP_FAILED)
			return errno == ENOMEM ? 0 : 1;
		for (long i = 0; i < MIB; i += 4096)
			at[i] = 1;
	}
}

static void memory(void)
{
	for (int i = 0; i < 3; i++) {
		int status = in_child(hog, NULL);

		check("memory: refused, or killed", status == 0 || status == 128 + SIGKILL);
		check("memory: others go on", in_child(still_works, NULL) == 0);
	}
}

/* Bytes written to a new file before the disk was full; -1 for another error. */
static long fill(const char *path)
{
	static char data[10000];
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	long total = 0;
	ssize_t length;

	while ((length = write(fd, data, sizeof data)) > 0)
		total += length;
	int error = errno;
	close(fd);
	return length < 0 && error == ENOSPC ? total : -1;
}

static void disk(void)
{
	struct statfs fs;
	long first, second;

	unshare(CLONE_NEWNS);
	mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	mkdir(DISK, 0700);
	if (mount("tmpfs", DISK, "tmpfs", 0, "size=2m,nr_inodes=50")) {
		check_skip("a full disk", "can't mount a tmpfs here");
		return;
	}
	first = fill(DISK "/a");
	check("a full disk: ENOSPC", first > MIB && first <= 2 * MIB);
	check("statfs says so", !statfs(DISK, &fs) && fs.f_bavail == 0);
	need(!truncate(DISK "/a", 100));
	check("what is cut off is free", !statfs(DISK, &fs) && fs.f_bavail > fs.f_blocks / 2);
	need(!unlink(DISK "/a"));
	second = fill(DISK "/b");
	check("emptied, it takes as much again", second == first);
	need(!unlink(DISK "/b"));
	char path[64];
	int i, fd = 0;
	for (i = 0; i < 60 && fd >= 0; i++) {
		snprintf(path, sizeof path, DISK "/f%d", i);
		fd = open(path, O_WRONLY | O_CREAT, 0600);
	}
	check("no more inodes: ENOSPC", i < 55 && fd == -1 && errno == ENOSPC);
	check("umount: busy", umount(DISK) == -1 && errno == EBUSY);
	for (fd = 3; fd < 100; fd++)
		close(fd);
	check("umount", !umount(DISK));
}

static int all_descriptors(void *unused)
{
	int fds[2], count = 0;

	(void)unused;
	while (!pipe(fds))
		count++;
	return errno == EMFILE && count > 100 ? 0 : 1;
}

static void descriptors(void)
{
	for (int i = 0; i < 3; i++)
		need(in_child(all_descriptors, NULL) == 0);
	check("descriptors: EMFILE, and back at exit", in_child(still_works, NULL) == 0);
}

int main(int argc, char **argv)
{
	is_whole_machine = argc > 1 && !strcmp(argv[1], "all");
	need(!chmod(".", 0777));
	fork_bomb();
	memory();
	disk();
	descriptors();
	return check_end();
}
