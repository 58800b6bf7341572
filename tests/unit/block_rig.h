/* SPDX-License-Identifier: MIT
 *
 * A temporary image, a disk over it, and a loop in a thread of its own that serves one queue.
 */
#ifndef VITRINE_TESTS_BLOCK_RIG_H
#define VITRINE_TESTS_BLOCK_RIG_H

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/block.h"
#include "loop/loop_thread.h"

struct block_rig {
	char path[64];
	struct block *block;
	struct block_queue *queue;
	struct loop_thread *thread;
	pthread_mutex_t lock;
	pthread_cond_t done;
};

/* A request that somebody waits for. */
struct block_job {
	struct block_request request; /* first: done() casts back */
	struct block_rig *rig;
	bool is_done;
	int error;
	unsigned order; /* it was the how-manyth to be done */
	unsigned *counter;
};

/* In the folder that the tests run in: a disk's file system, where /tmp may be none. */
static inline void block_rig_image(struct block_rig *rig, uint64_t size_bytes)
{
	int fd;

	snprintf(rig->path, sizeof(rig->path), "/var/tmp/vitrine-test-XXXXXX");
	fd = mkstemp(rig->path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size_bytes), 0);
	close(fd);
}

static inline void block_rig_open(struct block_rig *rig, struct block_options options)
{
	char err[256] = "";

	options.path = rig->path;
	if (block_open(&options, &rig->block, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	pthread_mutex_init(&rig->lock, NULL);
	pthread_cond_init(&rig->done, NULL);
	assert_int_equal(loop_thread_create("disk", &rig->thread), 0);
	assert_int_equal(block_queue_create(rig->block, loop_thread_loop(rig->thread), &rig->lock,
					    &rig->queue),
			 0);
	assert_int_equal(block_queue_listen(rig->queue), 0);
	assert_int_equal(loop_thread_start(rig->thread), 0);
}

static inline void block_rig_close(struct block_rig *rig)
{
	loop_thread_stop(rig->thread);
	block_queue_destroy(rig->queue);
	loop_thread_destroy(rig->thread);
	block_close(rig->block);
	pthread_mutex_destroy(&rig->lock);
	pthread_cond_destroy(&rig->done);
}

static inline void block_job_done(struct block_request *request, int error)
{
	struct block_job *job = (struct block_job *)request;

	assert_false(job->is_done);
	job->is_done = true;
	job->error = error;
	if (job->counter)
		job->order = (*job->counter)++;
	pthread_cond_broadcast(&job->rig->done);
}

static inline void block_job_submit(struct block_job *job)
{
	job->is_done = false;
	job->request.done = block_job_done;
	pthread_mutex_lock(&job->rig->lock);
	block_submit(job->rig->queue, &job->request);
	block_flush_batch(job->rig->queue);
	pthread_mutex_unlock(&job->rig->lock);
}

static inline int block_job_wait(struct block_job *job)
{
	pthread_mutex_lock(&job->rig->lock);
	while (!job->is_done)
		pthread_cond_wait(&job->rig->done, &job->rig->lock);
	pthread_mutex_unlock(&job->rig->lock);
	return job->error;
}

static inline int block_rig_run(struct block_rig *rig, enum block_op op, uint64_t offset_bytes,
				const struct iovec *iov, unsigned iov_count, uint64_t len_bytes)
{
	struct block_job job = {
		.rig = rig,
		.request = {.op = op,
			    .offset_bytes = offset_bytes,
			    .len_bytes = len_bytes,
			    .iov = iov,
			    .iov_count = iov_count,
			    .may_unmap = op == BLOCK_WRITE_ZEROES && offset_bytes % 1024 == 0}};

	block_job_submit(&job);
	return block_job_wait(&job);
}

static inline int block_rig_move(struct block_rig *rig, enum block_op op, uint64_t offset_bytes,
				 void *memory, size_t len_bytes)
{
	struct iovec iov = {memory, len_bytes};

	return block_rig_run(rig, op, offset_bytes, &iov, 1, len_bytes);
}

#endif
