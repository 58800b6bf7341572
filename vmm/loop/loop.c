/* SPDX-License-Identifier: MIT
 *
 * epoll, timerfds and one eventfd that ends the loop. See loop.h.
 *
 * A source that is removed while a batch of events is being dispatched stays allocated, marked dead,
 * until the batch is through: a later event of the same batch may still point at it.
 */
#include "loop/loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BATCH_MAX 16

struct source {
	int fd;
	uint32_t events; /* 0: not in the epoll set */
	bool dead;
	loop_fd_fn *fn;
	void *ctx;
	struct source *next;
};

struct loop {
	int epoll_fd;
	int stop_fd;
	atomic_bool stopping;
	struct source *sources;
};

struct loop_timer {
	struct loop *loop;
	int fd;
	loop_timer_fn *fn;
	void *ctx;
};

static void stop_requested(void *ctx, uint32_t events)
{
	struct loop *loop = ctx;
	uint64_t count;

	(void)events;
	if (read(loop->stop_fd, &count, sizeof(count)) < 0)
		return; /* woken for nothing */
}

int loop_create(struct loop **out)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int err;

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = loop->epoll_fd < 0 || loop->stop_fd < 0 ? -errno : 0;
	if (!err)
		err = loop_add_fd(loop, loop->stop_fd, EPOLLIN, stop_requested, loop);
	if (err) {
		loop_destroy(loop);
		return err;
	}
	*out = loop;
	return 0;
}

static void free_dead(struct loop *loop)
{
	struct source **link = &loop->sources;

	while (*link) {
		struct source *source = *link;

		if (!source->dead) {
			link = &source->next;
			continue;
		}
		*link = source->next;
		free(source);
	}
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	for (struct source *source = loop->sources; source; source = source->next)
		source->dead = true;
	free_dead(loop);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->stop_fd >= 0)
		close(loop->stop_fd);
	free(loop);
}

static struct source *find(struct loop *loop, int fd)
{
	struct source *source = loop->sources;

	while (source && (source->dead || source->fd != fd))
		source = source->next;
	return source;
}

/* Brings the epoll set from the source's present events to the wanted ones. */
static int set_events(struct loop *loop, struct source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	int op = !events ? EPOLL_CTL_DEL : source->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (events == source->events)
		return 0;
	if (epoll_ctl(loop->epoll_fd, op, source->fd, &event) < 0)
		return -errno;
	source->events = events;
	return 0;
}

int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *ctx)
{
	struct source *source = find(loop, fd) ? NULL : calloc(1, sizeof(*source));

	if (!source)
		return find(loop, fd) ? -EEXIST : -ENOMEM;
	*source = (struct source){.fd = fd, .fn = fn, .ctx = ctx};
	int err = set_events(loop, source, events);
	if (err) {
		free(source);
		return err;
	}
	source->next = loop->sources;
	loop->sources = source;
	return 0;
}

int loop_modify_fd(struct loop *loop, int fd, uint32_t events)
{
	struct source *source = find(loop, fd);

	return source ? set_events(loop, source, events) : -ENOENT;
}

void loop_remove_fd(struct loop *loop, int fd)
{
	struct source *source = find(loop, fd);

	if (!source)
		return;
	set_events(loop, source, 0);
	source->dead = true;
}

static void timer_expired(void *ctx, uint32_t events)
{
	struct loop_timer *timer = ctx;
	uint64_t expirations;

	(void)events;
	/* It may have been re-armed from another thread since epoll reported it. */
	if (read(timer->fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		timer->fn(timer->ctx);
}

int loop_timer_create(struct loop *loop, loop_timer_fn *fn, void *ctx, struct loop_timer **out)
{
	struct loop_timer *timer = calloc(1, sizeof(*timer));
	int err;

	if (!timer)
		return -ENOMEM;
	*timer = (struct loop_timer){.loop = loop, .fn = fn, .ctx = ctx};
	timer->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	err = timer->fd < 0 ? -errno : loop_add_fd(loop, timer->fd, EPOLLIN, timer_expired, timer);
	if (err) {
		if (timer->fd >= 0)
			close(timer->fd);
		free(timer);
		return err;
	}
	*out = timer;
	return 0;
}

void loop_timer_arm(struct loop_timer *timer, uint64_t delay_ns)
{
	struct itimerspec when = {.it_value = {.tv_sec = (time_t)(delay_ns / 1000000000),
					       .tv_nsec = (long)(delay_ns % 1000000000)}};

	timerfd_settime(timer->fd, 0, &when, NULL);
}

void loop_timer_destroy(struct loop_timer *timer)
{
	if (!timer)
		return;
	loop_remove_fd(timer->loop, timer->fd);
	close(timer->fd);
	free(timer);
}

int loop_run(struct loop *loop)
{
	struct epoll_event event[BATCH_MAX];

	while (!atomic_exchange(&loop->stopping, false)) {
		int count = epoll_wait(loop->epoll_fd, event, BATCH_MAX, -1);

		if (count < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < count; i++) {
			struct source *source = event[i].data.ptr;

			if (!source->dead)
				source->fn(source->ctx, event[i].events);
		}
		free_dead(loop);
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stopping, true);
	eventfd_write(loop->stop_fd, 1);
}
