/* SPDX-License-Identifier: MIT
 *
 * A thread that does a queue's requests one after another: where there is no io_uring, and for what needs more than
 * one system call (snapshots, odd alignment, discards of devices). It starts with the first of them.
 *
 * Its lock guards both lists and is never held around done(): the caller of done() holds the queue's lock, which
 * this thread never takes. So block_drain() can wait for it whatever else the queue's loop waits for.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/block_internal.h"
#include "loop/thread.h"

struct block_worker {
	struct block *block;
	int event_fd;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_cond_t done;
	struct block_list todo;
	struct block_list finished;
	unsigned busy; /* requests not yet reaped */
	bool ending;
};

static struct block_request *next(struct block_worker *worker)
{
	while (!worker->todo.head && !worker->ending)
		pthread_cond_wait(&worker->work, &worker->lock);
	return block_list_pop(&worker->todo);
}

static void *run(void *ctx)
{
	struct block_worker *worker = ctx;
	struct block_request *request;

	pthread_setname_np(pthread_self(), "disk worker");
	pthread_mutex_lock(&worker->lock);
	while ((request = next(worker))) {
		pthread_mutex_unlock(&worker->lock);
		request->error = block_sync_run(worker->block, request);
		pthread_mutex_lock(&worker->lock);
		block_list_push(&worker->finished, request);
		pthread_cond_signal(&worker->done);
		eventfd_write(worker->event_fd, 1);
	}
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

static void free_worker(struct block_worker *worker)
{
	pthread_cond_destroy(&worker->done);
	pthread_cond_destroy(&worker->work);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

/* Signals are for the main thread. */
static int create(struct block_queue *queue)
{
	struct block_worker *worker = calloc(1, sizeof(*worker));
	sigset_t all, before;
	int err;

	if (!worker)
		return -ENOMEM;
	worker->block = queue->block;
	worker->event_fd = queue->event_fd;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->work, NULL);
	pthread_cond_init(&worker->done, NULL);
	block_list_init(&worker->todo);
	block_list_init(&worker->finished);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = thread_create(&worker->thread, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		free_worker(worker);
	else
		queue->worker = worker;
	return err;
}

int block_worker_start(struct block_queue *queue, struct block_request *request)
{
	struct block_worker *worker;
	int err = queue->worker ? 0 : create(queue);

	if (err)
		return err;
	worker = queue->worker;
	pthread_mutex_lock(&worker->lock);
	block_list_push(&worker->todo, request);
	worker->busy++;
	pthread_cond_signal(&worker->work);
	pthread_mutex_unlock(&worker->lock);
	return 0;
}

void block_worker_reap(struct block_queue *queue)
{
	struct block_worker *worker = queue->worker;
	struct block_request *request;

	do {
		pthread_mutex_lock(&worker->lock);
		request = block_list_pop(&worker->finished);
		worker->busy -= request != NULL;
		pthread_mutex_unlock(&worker->lock);
		if (request)
			block_queue_finish(queue, request, request->error);
	} while (request);
}

void block_worker_wait(struct block_queue *queue)
{
	struct block_worker *worker = queue->worker;

	pthread_mutex_lock(&worker->lock);
	while (worker->busy && !worker->finished.head)
		pthread_cond_wait(&worker->done, &worker->lock);
	pthread_mutex_unlock(&worker->lock);
}

void block_worker_destroy(struct block_worker *worker)
{
	if (!worker)
		return;
	pthread_mutex_lock(&worker->lock);
	worker->ending = true;
	pthread_cond_signal(&worker->work);
	pthread_mutex_unlock(&worker->lock);
	pthread_join(worker->thread, NULL);
	free_worker(worker);
}
