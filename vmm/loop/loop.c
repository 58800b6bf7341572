/* SPDX-License-Identifier: MIT
 *
 * epoll, timerfds and one eventfd that ends the loop; for a loop with one bell, read(). See loop.h.
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
#define BELL_EVENTS (EPOLLIN | EPOLLET)

struct source {
	int fd;
	uint32_t events; /* 0: not in the epoll set */
	bool is_bell;	 /* an eventfd that edges tell of, or a read() */
	bool dead;
	loop_fd_fn *fn;
	void *ctx;
	struct source *next;
};

struct loop {
	int epoll_fd;
	int stop_fd;
	atomic_bool stopping;
	atomic_int read_fd;	/* where the loop waits in read(); -1: in epoll_wait() */
	struct source *alone;	/* the bell that it waits for there, not in the epoll set */
	struct source *sources; /* the first added, stop_fd's, is the last */
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
	loop->read_fd = -1;
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

static int add(struct loop *loop, struct source values, uint32_t events)
{
	struct source *source = find(loop, values.fd) ? NULL : calloc(1, sizeof(*source));

	if (!source)
		return find(loop, values.fd) ? -EEXIST : -ENOMEM;
	*source = values;
	int err = set_events(loop, source, events);
	if (err) {
		free(source);
		return err;
	}
	source->next = loop->sources;
	loop->sources = source;
	return 0;
}

int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *ctx)
{
	return add(loop, (struct source){.fd = fd, .fn = fn, .ctx = ctx}, events);
}

int loop_add_bell(struct loop *loop, int fd, loop_fd_fn *fn, void *ctx)
{
	return add(loop, (struct source){.fd = fd, .fn = fn, .ctx = ctx, .is_bell = true},
		   BELL_EVENTS);
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
	if (loop->alone == source)
		loop->alone = NULL;
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

static int wait_for_events(struct loop *loop)
{
	struct epoll_event event[BATCH_MAX];
	int count = epoll_wait(loop->epoll_fd, event, BATCH_MAX, -1);

	if (count < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < count; i++) {
		struct source *source = event[i].data.ptr;

		if (!source->dead)
			source->fn(source->ctx, event[i].events);
	}
	return 0;
}

/* The only source but for stop_fd's, if it is a bell. */
static struct source *only_bell(struct loop *loop)
{
	struct source *first = loop->sources;

	return first && first->is_bell && first->next && !first->next->next ? first : NULL;
}

/* Into the epoll set and out of it: what is in there costs its share of each ring. */
static int move_bell(struct loop *loop, struct source *alone)
{
	struct source *before = loop->alone;
	int err = 0;

	if (alone == before)
		return 0;
	loop->alone = alone;
	if (before)
		err = set_events(loop, before, BELL_EVENTS);
	return err || !alone ? err : set_events(loop, alone, 0);
}

/* read_fd is stored before stopping is loaded, the reverse of loop_stop(): one of the two sees the other. */
static int wait_for_bell(struct loop *loop)
{
	struct source *bell = loop->alone;
	eventfd_t rings;
	int err = -EINTR;

	atomic_store(&loop->read_fd, bell->fd);
	if (!atomic_load(&loop->stopping))
		err = eventfd_read(bell->fd, &rings) ? -errno : 0;
	atomic_store(&loop->read_fd, -1);
	if (!err)
		bell->fn(bell->ctx, EPOLLIN);
	return err == -EINTR ? 0 : err;
}

int loop_run(struct loop *loop)
{
	int err = 0;

	while (!err && !atomic_exchange(&loop->stopping, false)) {
		err = move_bell(loop, only_bell(loop));
		if (!err)
			err = loop->alone ? wait_for_bell(loop) : wait_for_events(loop);
		free_dead(loop);
	}
	return err;
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stopping, true);
	eventfd_write(loop->stop_fd, 1);
	int fd = atomic_load(&loop->read_fd);

	if (fd >= 0)
		eventfd_write(fd, 1);
}
