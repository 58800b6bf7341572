/* SPDX-License-Identifier: MIT
 *
 * Programs that serve a device of the VM over a Unix socket (vhost-user back ends). They die with the VMM.
 */
#ifndef VITRINE_BACKEND_CHILD_H
#define VITRINE_BACKEND_CHILD_H

#include <stddef.h>
#include <sys/types.h>

#define CHILD_LISTEN_FD 3 /* where the child finds its listening socket */

struct child {
	pid_t pid; /* 0: none */
	int fd;	   /* connected to it; -1: none */
};

/* Starts argv[0] (a path) with a listening socket at CHILD_LISTEN_FD to which child->fd is connected already. Nobody
 * else can connect. prepare (may be NULL) runs in the new process before; it says what failed by itself
 * and returns a status other than 0. 0, or -errno: the program is not there, or the host lacks something. */
int child_start(char *const argv[], int (*prepare)(void *ctx), void *ctx, struct child *child);

/* Asks it to end, waits for that, and insists after a second. {0, -1} is fine. Before its connection is closed: it would
 * call that an error. */
void child_stop(struct child *child);

#endif
