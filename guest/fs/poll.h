/* SPDX-License-Identifier: MIT
 *
 * Waiting for one of several files, for poll, select and epoll.
 */
#ifndef GUEST_FS_POLL_H
#define GUEST_FS_POLL_H

#include <stdint.h>

#include "guest/sched/wait.h"

/* Linux's numbers. */
enum poll_event {
	POLLIN = 0x001,
	POLLPRI = 0x002,
	POLLOUT = 0x004,
	POLLERR = 0x008,
	POLLHUP = 0x010,
	POLLNVAL = 0x020,
	POLLRDNORM = 0x040,
	POLLWRNORM = 0x100,
	POLLRDHUP = 0x2000
};

/* Joins queues on behalf of whoever waits; a file's poll() calls it for each queue that matters. */
struct poll_table {
	void (*join)(struct poll_table *table, struct waitq *queue);
};

static inline void poll_wait(struct poll_table *table, struct waitq *queue)
{
	if (table)
		table->join(table, queue);
}

#endif
