/* SPDX-License-Identifier: MIT
 *
 * Feeding the driver, ending jobs, and what is counted on the way.
 */
#include "guest/block/dispatch.h"

#include "guest/fs/text.h"
#include "guest/lib/print.h"
#include "guest/sched/schedule.h"
#include "guest/time/clock.h"

/* --- statistics: time with at least one request at the driver, and the same weighted by how many */
static void account(struct block_queue *q, uint64_t now_ns)
{
	q->weighted_ns += (now_ns - q->weighted_at_ns) * q->at_driver;
	q->weighted_at_ns = now_ns;
}

static void began(struct block_queue *q, uint64_t now_ns)
{
	account(q, now_ns);
	if (!q->at_driver++)
		q->busy_since_ns = now_ns;
}

static void ended(struct block_queue *q, const struct block_job *job, uint64_t now_ns)
{
	struct block_count *count = &q->count[job->request.operation];

	account(q, now_ns);
	if (!--q->at_driver)
		q->busy_ns += now_ns - q->busy_since_ns;
	count->requests++;
	count->sectors += job->request.sector_count;
	count->ns += now_ns - job->since_ns;
}

void block_queue_show_statistics(struct block_queue *q, struct text *text)
{
	const uint64_t flags = spin_lock(&q->lock), ms = 1000000;
	const uint64_t now_ns = clock_ns();
	struct block_count read, write, flush;
	uint64_t busy, weighted;
	unsigned in_flight;

	account(q, now_ns);
	read = q->count[BLOCK_READ];
	write = q->count[BLOCK_WRITE];
	flush = q->count[BLOCK_FLUSH];
	in_flight = q->at_driver;
	busy = q->busy_ns + (in_flight ? now_ns - q->busy_since_ns : 0);
	weighted = q->weighted_ns;
	spin_unlock(&q->lock, flags);
	text_print(text, "%8lu %8lu %8lu %8lu %8lu %8lu %8lu %8lu %8u %8lu %8lu", read.requests,
		   read.merges, read.sectors, read.ns / ms, write.requests, write.merges,
		   write.sectors, write.ns / ms, in_flight, busy / ms, weighted / ms);
	text_print(text, " 0 0 0 0 %8lu %8lu\n", flush.requests,
		   flush.ns / ms); /* discards: none */
}

/* --- out of the queue */
/* The job's bios end in a list of their own, so that ended() runs without the lock. */
static void finish(struct block_queue *q, struct block_job *job, struct list *done)
{
	ended(q, job, clock_ns());
	if (job->request.failed)
		print_level(LOG_ERROR, "%s: %s of %u sectors at %lu failed\n", q->disk->name,
			    job->request.operation == BLOCK_READ    ? "read"
			    : job->request.operation == BLOCK_WRITE ? "write"
								    : "flush",
			    job->request.sector_count, job->request.sector);
	for (struct list *link; (link = list_pop(&job->bios));) {
		container_of(link, struct bio, link)->failed = job->request.failed;
		list_add_last(done, link);
	}
	list_add_first(&q->free, &job->by_age);
}

static void end_bios(struct block_queue *q, struct list *done)
{
	if (list_is_empty(done))
		return;
	for (struct list *link; (link = list_pop(done));) {
		struct bio *bio = container_of(link, struct bio, link);

		bio->ended(bio); /* it may be gone afterwards */
	}
	waitq_wake(&q->room);
}

/* To a driver that works by itself. */
static void feed(struct block_queue *q)
{
	bool any = false;

	while (q->waiting && q->at_driver < q->disk->depth) {
		struct block_job *job = q->elevator->next(q, clock_ns());

		if (!q->disk->submit(q->disk, &job->request))
			break; /* the driver is full, and will interrupt */
		block_job_take(q, job);
		if (job->request.operation != BLOCK_FLUSH)
			q->head = job->request.sector + job->request.sector_count;
		began(q, clock_ns());
		any = true;
	}
	if (any)
		q->disk->start(q->disk);
}

void block_dispatch(struct block_queue *q)
{
	if (!q->waiting)
		return;
	if (q->has_thread)
		waitq_wake(&q->work);
	else
		feed(q);
}

/* In the driver's interrupt handler. */
static void interrupted(struct block_device *disk)
{
	struct block_queue *q = disk->queue;
	const uint64_t flags = spin_lock(&q->lock);
	struct block_request *request;
	struct list done;

	list_init(&done);
	while ((request = disk->take(disk)))
		finish(q, container_of(request, struct block_job, request), &done);
	feed(q);
	spin_unlock(&q->lock, flags);
	end_bios(q, &done);
}

/* --- a driver that sleeps is called by a thread, one request after the other */
static bool is_due(const struct block_queue *q)
{
	return q->waiting && (!q->plugs || list_is_empty(&q->free));
}

static struct block_job *take_next(struct block_queue *q)
{
	const uint64_t flags = spin_lock(&q->lock);
	struct block_job *job = NULL;

	if (is_due(q)) {
		job = q->elevator->next(q, clock_ns());
		block_job_take(q, job);
		q->head = job->request.sector + job->request.sector_count;
		began(q, clock_ns());
	}
	spin_unlock(&q->lock, flags);
	return job;
}

static void serve(struct block_queue *q, struct block_job *job)
{
	struct list done;
	uint64_t flags;

	if (!q->disk->submit(q->disk, &job->request) || !q->disk->complete(q->disk, 0))
		job->request.failed = true;
	list_init(&done);
	flags = spin_lock(&q->lock);
	finish(q, job, &done);
	spin_unlock(&q->lock, flags);
	end_bios(q, &done);
}

static void thread(void *argument)
{
	struct block_queue *q = argument;

	for (;;) {
		struct block_job *job;

		wait_uninterruptible(&q->work, is_due(q));
		job = take_next(q);
		if (job)
			serve(q, job);
	}
}

/* --- a driver without interrupts: as long as it has something to do, a thread looks whether it is done */
static void poll_thread(void *argument)
{
	struct block_queue *q = argument;

	for (;;) {
		wait_uninterruptible(&q->work, is_due(q));
		do {
			interrupted(q->disk);
			sched_yield();
		} while (q->at_driver);
	}
}

bool block_dispatch_start(struct block_queue *q)
{
	q->has_thread = q->disk->is_synchronous || q->disk->is_polled;
	q->disk->queue = q;
	if (q->has_thread)
		return kthread_start(q->disk->name, q->disk->is_polled ? poll_thread : thread, q);
	q->disk->interrupted = interrupted;
	return true;
}
