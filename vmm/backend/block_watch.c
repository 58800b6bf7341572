/* SPDX-License-Identifier: MIT
 *
 * Notices that an image may have another size: a file by inotify, when somebody who wrote to it closes it (as
 * truncate(1), qemu-img and dd do; the guest's own writes cause no such event), a block device by asking.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "backend/block_internal.h"
#include "loop/loop.h"

#define DEVICE_PERIOD_NS 2000000000u
#define EVENTS_BYTES 1024

struct block_watch {
	struct block *block;
	struct loop *loop;
	int inotify_fd;
	struct loop_timer *timer;
};

static void file_closed(void *ctx, uint32_t events)
{
	struct block_watch *watch = ctx;
	char what[EVENTS_BYTES];

	(void)events;
	while (read(watch->inotify_fd, what, sizeof(what)) > 0)
		; /* there is only one kind */
	block_check_size(watch->block);
}

static void period_over(void *ctx)
{
	struct block_watch *watch = ctx;

	block_check_size(watch->block);
	loop_timer_arm(watch->timer, DEVICE_PERIOD_NS);
}

static int watch_file(struct block_watch *watch)
{
	char path[32];

	watch->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", watch->block->fd);
	if (watch->inotify_fd < 0 || inotify_add_watch(watch->inotify_fd, path, IN_CLOSE_WRITE) < 0)
		return -errno;
	return loop_add_fd(watch->loop, watch->inotify_fd, EPOLLIN, file_closed, watch);
}

static int watch_device(struct block_watch *watch)
{
	int err = loop_timer_create(watch->loop, period_over, watch, &watch->timer);

	if (!err)
		loop_timer_arm(watch->timer, DEVICE_PERIOD_NS);
	return err;
}

int block_watch_size(struct block *block, struct loop *loop)
{
	struct block_watch *watch = block->watch ? NULL : calloc(1, sizeof(*watch));
	int err;

	if (!watch)
		return block->watch ? -EEXIST : -ENOMEM;
	*watch = (struct block_watch){.block = block, .loop = loop, .inotify_fd = -1};
	err = block->is_device ? watch_device(watch) : watch_file(watch);
	if (err)
		block_watch_destroy(watch);
	else
		block->watch = watch;
	return err;
}

void block_watch_destroy(struct block_watch *watch)
{
	if (!watch)
		return;
	loop_timer_destroy(watch->timer);
	if (watch->inotify_fd >= 0) {
		loop_remove_fd(watch->loop, watch->inotify_fd);
		close(watch->inotify_fd);
	}
	free(watch);
}
