/* SPDX-License-Identifier: MIT
 *
 * The controller's thread: what a register write asked for is begun there, and requests are completed there,
 * so that no vCPU thread ever waits for a disk (but for a reset, which waits for what it cancels).
 *
 * ide->in_thread is true while that thread holds the lock: work that is queued then needs no wake-up.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <x86intrin.h>

#include "dev/ide_internal.h"
#include "loop/loop.h"
#include "loop/loop_thread.h"

bool ide_work_take_signal(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

/* Each step may queue the next one, so this is a loop and no recursion. */
void ide_work_run(struct ide *ide)
{
	ide->in_thread = true;
	for (unsigned i = 0; i < IDE_CHANNELS; i++) {
		struct ide_channel *ch = &ide->channel[i];

		while (ch->work && !ch->in_flight) {
			ide_work_fn *work = ch->work;

			ch->work = NULL;
			work(ch);
		}
	}
	ide->in_thread = false;
}

static void work_rang(void *ctx, uint32_t events)
{
	struct ide *ide = ctx;

	(void)events;
	ide_work_take_signal(ide->work_fd);
	pthread_mutex_lock(&ide->fn.dev.lock);
	ide_work_run(ide);
	pthread_mutex_unlock(&ide->fn.dev.lock);
}

void ide_work_queue(struct ide_channel *ch, ide_work_fn *fn)
{
	ch->work = fn;
	if (!ch->ide->in_thread)
		eventfd_write(ch->ide->work_fd, 1);
}

/* One request at a time on a channel: what is in flight is always one. */
static void count_done(struct ide_channel *ch)
{
	ch->counters.requests++;
	ch->counters.bytes += ch->request.len_bytes;
	ch->counters.depth[0]++;
	queue_count_latency(&ch->counters, ch->submitted_tsc);
}

/* Inside block_submit(), in the loop, or on a vCPU's thread that drains; the lock is held. In the loop it is
 * the first to know: what it queues has to be run. */
static void request_done(struct block_request *request, int error)
{
	struct ide_channel *ch = (struct ide_channel *)((char *)request -
							offsetof(struct ide_channel, request));

	count_done(ch);
	ch->in_flight = false;
	if (!ch->cancelled)
		ch->completed(ch, error);
}

void ide_work_submit(struct ide_channel *ch, enum block_op op, unsigned iov_count,
		     void (*completed)(struct ide_channel *ch, int error))
{
	struct ide_job *job = &ch->job;
	bool has_data = op == BLOCK_READ || op == BLOCK_WRITE;

	ch->request = (struct block_request){
		.op = op,
		.offset_bytes = has_data ? job->offset_bytes : 0,
		.len_bytes = has_data ? job->step_bytes : 0,
		.iov = ch->iov,
		.iov_count = iov_count,
		.done = request_done,
	};
	ch->completed = completed;
	ch->in_flight = true;
	ch->submitted_tsc = __rdtsc();
	block_submit(job->drive->queue, &ch->request);
	if (ch->in_flight)
		block_flush_batch(ch->job.drive->queue);
}

void ide_work_drain(struct ide_channel *ch)
{
	block_drain(ch->job.drive->queue);
}

static int create_queues(struct ide *ide)
{
	int err = 0;

	for (unsigned i = 0; !err && i < IDE_DRIVE_MAX; i++) {
		struct ide_drive *drive = &ide->channel[i / 2].drive[i % 2];

		if (drive->block)
			err = block_queue_create(drive->block, ide->loop, &ide->fn.dev.lock,
						 &drive->queue);
		if (!err && drive->block)
			err = block_queue_listen(drive->queue);
	}
	return err;
}

int ide_work_create(struct ide *ide)
{
	int err = loop_thread_create("ide", &ide->thread);

	ide->work_fd = -1;
	if (err)
		return err;
	ide->loop = loop_thread_loop(ide->thread);
	ide->work_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = ide->work_fd < 0 ? -errno : 0;
	if (!err)
		err = loop_add_fd(ide->loop, ide->work_fd, EPOLLIN, work_rang, ide);
	if (!err)
		err = ide_shortcuts_create(ide);
	if (!err)
		err = create_queues(ide);
	return err ? err : loop_thread_start(ide->thread);
}

/* No accesses come any more: after what is in flight nothing begins. */
void ide_work_destroy(struct ide *ide)
{
	pthread_mutex_lock(&ide->fn.dev.lock);
	for (unsigned i = 0; i < IDE_CHANNELS; i++)
		ide_cancel(&ide->channel[i]);
	pthread_mutex_unlock(&ide->fn.dev.lock);
	if (ide->thread)
		loop_thread_stop(ide->thread);
	ide_shortcuts_destroy(ide);
	for (unsigned i = 0; i < IDE_DRIVE_MAX; i++)
		block_queue_destroy(ide->channel[i / 2].drive[i % 2].queue);
	loop_thread_destroy(ide->thread);
	if (ide->work_fd >= 0)
		close(ide->work_fd);
}
