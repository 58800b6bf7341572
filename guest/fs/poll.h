/* SPDX-License-Identifier: MIT
 *
 * Waiting for one of several files, for poll, select and epoll.
 */
#ifndef GUEST_FS_POLL_H
#define GUEST_FS_POLL_H

#include <stdbool.h>
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

struct file;

/* What holds of file now; one without poll() is always ready. */
unsigned poll_file(struct file *file, struct poll_table *table);

/* Waits of poll(), select() and epoll_wait(): when they end. 0: don't wait at all. The time is a struct timespec
 * or timeval of the program (gva 0: forever). 0, -EFAULT, -EINVAL. */
uint64_t poll_deadline_ms(int milliseconds);
int poll_deadline(uint64_t time_gva, bool microseconds, uint64_t *deadline_ns);

/* The signal mask of ppoll() and others: from before the wait to after it. gva 0: none. */
int poll_block_signals(uint64_t mask_gva, uint64_t bytes);
int64_t poll_unblock_signals(uint64_t mask_gva, int64_t result);

#endif
