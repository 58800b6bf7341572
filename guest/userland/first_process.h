/* SPDX-License-Identifier: MIT
 *
 * What a guest's first process does before and around its one command, be that a test's or a lab's.
 */
#ifndef GUEST_USERLAND_FIRST_PROCESS_H
#define GUEST_USERLAND_FIRST_PROCESS_H

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_STARTED 127 /* a command's status, as a shell says it */

struct mount_point {
	const char *type, *path;
};

/* What this kernel doesn't have, or has already, is no matter: who needs it finds out. */
static inline void mount_all(const struct mount_point *point, unsigned count)
{
	for (; count--; point++) {
		mkdir(point->path, 0755);
		mount(point->type, point->path, point->type, 0, NULL);
	}
	chmod("/tmp", 01777);
	chmod("/dev/shm", 01777);
}

/* The kernel has opened the console for us if it could find one before /dev was there. */
static inline void open_console(void)
{
	const int fd = open("/dev/console", O_RDWR);

	for (int i = 0; fd >= 0 && i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/* The status of PID; reaps whatever else ends meanwhile, as an init does. */
static inline int wait_for(pid_t pid)
{
	int status;
	pid_t ended;

	while ((ended = wait(&status)) != pid)
		if (ended < 0 && errno == ECHILD)
			return NOT_STARTED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#endif
