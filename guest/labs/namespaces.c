/* SPDX-License-Identifier: MIT
 *
 * One process seen from two sides: its parent's, and its own from inside new user, PID, mount and UTS namespaces.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define ALL (CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS)
#define STACK_BYTES (256 * 1024)

static int to_child[2], to_parent[2];

static void write_file(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		lab_die(path);
	close(fd);
}

static unsigned count_lines(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned count = 0;

	for (int c; file && (c = fgetc(file)) != EOF;)
		count += c == '\n';
	if (file)
		fclose(file);
	return count;
}

static void report(const char *side, int pid)
{
	char name[64] = "";

	gethostname(name, sizeof(name) - 1);
	const unsigned processes = lab_process_count(), mounts = count_lines("/proc/self/mounts");
	const bool marked = access("/tmp/only-inside", F_OK) == 0;

	printf("%-8s pid %5d  uid %5d  host name %-12s %4u processes, %3u mounts, /tmp/only-inside %s\n",
	       side, pid, (int)getuid(), name, processes, mounts,
	       marked ? "is there" : "isn't there");
	lab_row("view", "side=%s pid=%d uid=%d name=\"%s\" processes=%u mounts=%u mark=%d", side,
		pid, (int)getuid(), name, processes, mounts, marked);
}

/* A line from the other side; what it says is always the same: go on. */
static void wait_for(const int pipe[2])
{
	char go;

	if (read(pipe[0], &go, 1) != 1)
		exit(1);
}

static void tell(const int pipe[2])
{
	if (write(pipe[1], "g", 1) != 1)
		exit(1);
}

static int inside(void *unused)
{
	(void)unused;
	wait_for(to_child); /* until we are somebody: the maps of users are written */
	if (sethostname("container", 9) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, NULL) || mount("tmpfs", "/tmp", "tmpfs", 0, NULL))
		lab_die("a world of our own");
	close(open("/tmp/only-inside", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	report("inside", getpid());
	/* Root here, and yet: nothing that belongs to the whole machine. */
	const bool can = sethostname("mine", 4) == 0;
	const bool cannot = mknod("/tmp/mem", S_IFCHR | 0600, makedev(1, 1)) == 0;

	printf("inside, as root: set the host name: %s; make a device file for the machine's memory: %s\n",
	       can ? "yes" : "no", cannot ? "yes" : "no");
	lab_row("power", "hostname=%d device=%d", can, cannot);
	tell(to_parent);
	wait_for(to_child);
	return 0;
}

/* User 0 inside is the caller outside. */
static void map_users(int pid)
{
	char path[64], line[64];

	snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
	if (access(path, F_OK) == 0)
		write_file(path, "deny");
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	snprintf(line, sizeof(line), "0 %d 1\n", (int)getuid());
	write_file(path, line);
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	snprintf(line, sizeof(line), "0 %d 1\n", (int)getgid());
	write_file(path, line);
}

int main(void)
{
	char *stack = malloc(STACK_BYTES);
	int status;

	if (!stack || pipe(to_child) || pipe(to_parent))
		lab_die("a pipe");
	const int pid = clone(inside, stack + STACK_BYTES, ALL | SIGCHLD, NULL);

	if (pid < 0)
		lab_die("clone(): namespaces aren't for us here");
	map_users(pid);
	tell(to_child);
	wait_for(to_parent);
	report("outside", pid);
	lab_row("outside", "pid=%d mine=%d", pid, (int)getpid());
	tell(to_child);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
