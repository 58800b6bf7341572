/* SPDX-License-Identifier: MIT
 *
 * Into the queue: merging, and the life of a job. How jobs get to the driver is in dispatch.c, in which
 * order in elevator.c.
 */
#include "guest/block/queue.h"

#include "guest/block/dispatch.h"
#include "guest/lib/string.h"
#include "guest/mm/paging.h"
#include "guest/mm/slab.h"
#include "guest/time/clock.h"

static struct block_queue *first, **last = &first;

struct block_queue *block_queue_first(void)
{
	return first;
}

struct block_queue *block_queue_create(struct block_device *disk, unsigned major, unsigned minor)
{
	struct block_queue *q = kmalloc(sizeof(*q));

	if (!q)
		return NULL;
	q->disk = disk;
	q->major = major;
	q->minor = minor;
	q->elevator = &elevator_sweep;
	list_init(&q->by_age);
	list_init(&q->by_sector);
	list_init(&q->free);
	waitq_init(&q->room);
	waitq_init(&q->work);
	for (unsigned i = 0; i < BLOCK_REQUESTS; i++)
		list_add_last(&q->free, &q->job[i].by_age);
	if (!block_dispatch_start(q)) {
		kfree(q);
		return NULL;
	}
	*last = q;
	last = &q->next;
	return q;
}

/* --- merging */
static uint64_t end_of(const struct block_job *job)
{
	return job->request.sector + job->request.sector_count;
}

static struct block_piece piece_of(const struct bio *bio)
{
	return (struct block_piece){(uint64_t)bio->data - DIRECT_BASE, bio->data,
				    bio->sector_count * SECTOR_BYTES};
}

static bool can_join(const struct block_queue *q, const struct block_job *job,
		     const struct bio *bio)
{
	return job->request.operation == bio->operation &&
	       job->request.piece_count < q->disk->piece_max &&
	       job->request.sector_count + bio->sector_count <= q->disk->request_max;
}

static void join_back(struct block_job *job, struct bio *bio)
{
	const struct block_piece piece = piece_of(bio);
	struct block_piece *next = job->pieces + job->request.piece_count;

	if (job->request.piece_count && next[-1].gpa + next[-1].bytes == piece.gpa) {
		next[-1].bytes += piece.bytes; /* blocks of one page */
	} else {
		*next = piece;
		job->request.piece_count++;
	}
	job->request.sector_count += bio->sector_count;
	list_add_last(&job->bios, &bio->link);
}

static void join_front(struct block_job *job, struct bio *bio)
{
	memmove(job->pieces + 1, job->pieces, job->request.piece_count * sizeof(job->pieces[0]));
	job->pieces[0] = piece_of(bio);
	job->request.piece_count++;
	job->request.sector -= bio->sector_count;
	job->request.sector_count += bio->sector_count;
	list_add_first(&job->bios, &bio->link);
}

/* Two waiting jobs that a bio has made neighbours become one. */
static void join_jobs(struct block_queue *q, struct block_job *job, struct block_job *behind)
{
	const unsigned count = job->request.piece_count, more = behind->request.piece_count;

	if (behind->request.operation != job->request.operation ||
	    end_of(job) != behind->request.sector || count + more > q->disk->piece_max ||
	    job->request.sector_count + behind->request.sector_count > q->disk->request_max)
		return;
	memcpy(job->pieces + count, behind->pieces, more * sizeof(job->pieces[0]));
	job->request.piece_count += more;
	job->request.sector_count += behind->request.sector_count;
	if (behind->since_ns < job->since_ns)
		job->since_ns = behind->since_ns;
	for (struct list *link; (link = list_pop(&behind->bios));)
		list_add_last(&job->bios, link);
	q->count[job->request.operation].merges++;
	block_job_take(q, behind);
	list_add_first(&q->free, &behind->by_age);
}

static struct block_job *job_at(struct block_queue *q, struct list *link)
{
	return link == &q->by_sector ? NULL : container_of(link, struct block_job, by_sector);
}

/* The waiting jobs are few, and neighbours usually came last: from the end. */
static bool merge(struct block_queue *q, struct bio *bio)
{
	for (struct list *at = q->by_sector.previous; at != &q->by_sector; at = at->previous) {
		struct block_job *job = container_of(at, struct block_job, by_sector), *other;

		if (job->request.operation == bio->operation && can_join(q, job, bio)) {
			if (end_of(job) == bio->sector) {
				join_back(job, bio);
				other = job_at(q, at->next);
				if (other)
					join_jobs(q, job, other);
				return true;
			}
			if (bio->sector + bio->sector_count == job->request.sector) {
				join_front(job, bio);
				other = job_at(q, at->previous);
				if (other)
					join_jobs(q, other, job);
				return true;
			}
		}
		if (end_of(job) < bio->sector)
			break;
	}
	return false;
}

/* --- jobs */
void block_job_take(struct block_queue *q, struct block_job *job)
{
	list_remove(&job->by_sector);
	list_remove(&job->by_age);
	q->waiting--;
}

static void add_job(struct block_queue *q, struct bio *bio)
{
	struct block_job *job = container_of(list_pop(&q->free), struct block_job, by_age);
	struct list *at = q->by_sector.previous;

	job->request = (struct block_request){
		.operation = bio->operation,
		.sector = bio->sector,
		.pieces = job->pieces,
	};
	job->since_ns = clock_ns();
	list_init(&job->bios);
	if (bio->operation == BLOCK_FLUSH)
		list_add_last(&job->bios, &bio->link);
	else
		join_back(job, bio);
	while (at != &q->by_sector &&
	       container_of(at, struct block_job, by_sector)->request.sector > bio->sector)
		at = at->previous;
	list_insert_after(at, &job->by_sector);
	list_add_last(&q->by_age, &job->by_age);
	q->waiting++;
}

/* false: there is no free job. */
static bool try_submit(struct block_queue *q, struct bio *bio)
{
	const uint64_t flags = spin_lock(&q->lock);
	bool taken = true;

	if (bio->operation != BLOCK_FLUSH && merge(q, bio))
		q->count[bio->operation].merges++;
	else if (!list_is_empty(&q->free))
		add_job(q, bio);
	else
		taken = false;
	if (!q->plugs || !taken)
		block_dispatch(q);
	spin_unlock(&q->lock, flags);
	return taken;
}

void block_submit(struct block_queue *q, struct bio *bio)
{
	bio->failed = false;
	while (!try_submit(q, bio))
		wait_uninterruptible(&q->room, !list_is_empty(&q->free));
}

void block_plug(struct block_queue *q)
{
	__atomic_fetch_add(&q->plugs, 1, __ATOMIC_RELAXED);
}

void block_unplug(struct block_queue *q)
{
	const uint64_t flags = spin_lock(&q->lock);

	__atomic_fetch_sub(&q->plugs, 1, __ATOMIC_RELAXED);
	block_dispatch(q);
	spin_unlock(&q->lock, flags);
}

int block_set_elevator(struct block_queue *q, const char *name)
{
	const struct elevator *const all[] = {&elevator_sweep, &elevator_none};

	for (unsigned i = 0; i < 2; i++)
		if (!strcmp(all[i]->name, name)) {
			q->elevator = all[i]; /* both keep the same lists */
			return 0;
		}
	return -EINVAL;
}
