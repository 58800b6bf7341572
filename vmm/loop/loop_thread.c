/* SPDX-License-Identifier: MIT
 *
 * See loop_thread.h.
 */
#include "loop/loop_thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "loop/loop.h"
#include "loop/thread.h"

struct loop_thread {
	struct loop *loop;
	pthread_t thread;
	bool started;
	char name[16];
};

int loop_thread_create(const char *name, struct loop_thread **out)
{
	struct loop_thread *thread = calloc(1, sizeof(*thread));
	int err;

	if (!thread)
		return -ENOMEM;
	snprintf(thread->name, sizeof(thread->name), "%s", name);
	err = loop_create(&thread->loop);
	if (err) {
		free(thread);
		return err;
	}
	*out = thread;
	return 0;
}

static void *run(void *ctx)
{
	struct loop_thread *thread = ctx;

	pthread_setname_np(pthread_self(), thread->name);
	loop_run(thread->loop);
	return NULL;
}

/* Signals are for the main thread: this one is born with all of them blocked. */
int loop_thread_start(struct loop_thread *thread)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = thread_create(&thread->thread, run, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	thread->started = !err;
	return err;
}

struct loop *loop_thread_loop(struct loop_thread *thread)
{
	return thread->loop;
}

void loop_thread_stop(struct loop_thread *thread)
{
	if (!thread || !thread->started)
		return;
	loop_stop(thread->loop);
	pthread_join(thread->thread, NULL);
	thread->started = false;
}

void loop_thread_destroy(struct loop_thread *thread)
{
	if (!thread)
		return;
	loop_thread_stop(thread);
	loop_destroy(thread->loop);
	free(thread);
}
