/* SPDX-License-Identifier: MIT
 *
 * One kernel thread allocates pages and tells the host of them, or the reverse, as long as held and target
 * differ, and looks once a second whether the host has changed its mind or wants statistics.
 *
 * It takes only what is free: file pages leave by reclaim meanwhile, and nobody is killed for the host.
 */
#include "guest/virtio/balloon.h"

#include "guest/arch/spinlock.h"
#include "guest/hyper/features.h"
#include "guest/lib/errno.h"
#include "guest/lib/print.h"
#include "guest/mm/oom.h"
#include "guest/mm/page.h"
#include "guest/mm/reclaim.h"
#include "guest/sched/task.h"
#include "guest/sched/timer.h"
#include "guest/sched/wait.h"
#include "guest/time/clock.h"

#define F_STATS_VQ (1ull << 1)
#define F_DEFLATE_ON_OOM (1ull << 2)
enum { INFLATE, DEFLATE, STATS, QUEUES };
enum { CONFIG_NUM_PAGES = 0, CONFIG_ACTUAL = 4 };

#define BATCH 256 /* pages told of at once */
#define RELIEF 1024
#define LOOK_NS 1000000000ull
#define ANSWER_NS 200000ull
#define BACK_OFF_NS (10 * LOOK_NS) /* after memory was out */
#define KIB_PER_PAGE (PAGE_BYTES >> 10)

struct statistic {
	uint16_t tag;
	uint64_t value;
} __attribute__((packed));

static struct virtio_device *balloon; /* NULL: none */
static struct dma numbers, statistics;
static struct spinlock lock;
static struct list held_pages = LIST_EMPTY(held_pages); /* by lru; the lock */
static uint64_t held, wish = BALLOON_AS_HOST, pause_until_ns;
static struct waitq changed = WAITQ_EMPTY(changed);
static bool look_again;

static uint64_t target(void)
{
	return wish == BALLOON_AS_HOST ? virtio_config(balloon, CONFIG_NUM_PAGES, 4)
				       : wish / KIB_PER_PAGE;
}

static void keep(struct page *page)
{
	const uint64_t flags = spin_lock(&lock);

	list_add_last(&held_pages, &page->lru);
	held++;
	spin_unlock(&lock, flags);
}

/* One that was held, or NULL. */
static struct page *release(void)
{
	const uint64_t flags = spin_lock(&lock);
	struct list *link = held_pages.next;
	struct page *page = NULL;

	if (link != &held_pages) {
		list_remove(link);
		held--;
		page = container_of(link, struct page, lru);
	}
	spin_unlock(&lock, flags);
	return page;
}

/* Tells the device of count page numbers, and waits until it has read them. */
static void tell(unsigned index, unsigned count)
{
	struct virtq *queue = &balloon->queue[index];
	const struct virtq_buffer buffer = {numbers.gpa, count * sizeof(uint32_t), false};
	uint32_t unused;

	if (!virtq_add(queue, &buffer, 1, &numbers))
		return;
	virtq_kick(queue);
	while (!virtq_take(queue, &unused) && !queue->broken)
		timer_sleep_until(clock_ns() + ANSWER_NS);
}

/* Whether there was a page to be had. */
static bool inflate(uint64_t more)
{
	uint32_t *number = numbers.at;
	unsigned count = 0;

	while (count < BATCH && count < more && page_free_count() > 2 * page_low_mark) {
		struct page *page = page_alloc(0, PAGE_ATOMIC);

		if (!page)
			break;
		number[count++] = page_gpa(page) / PAGE_BYTES;
		keep(page);
	}
	if (count)
		tell(INFLATE, count);
	else
		reclaim_wake();
	return count;
}

/* The host is told before the pages are used again. */
static bool deflate(uint64_t less)
{
	uint32_t *number = numbers.at;
	struct page *page[BATCH];
	unsigned count = 0;

	while (count < BATCH && count < less && (page[count] = release())) {
		number[count] = page_gpa(page[count]) / PAGE_BYTES;
		count++;
	}
	if (count)
		tell(DEFLATE, count);
	for (unsigned i = 0; i < count; i++)
		page_put(page[i]);
	return count;
}

static void offer_statistics(void)
{
	const uint64_t unit = PAGE_BYTES;
	struct statistic *to = statistics.at;
	struct page_stats s;

	page_stats_read(&s);
	const uint64_t value[] = {s.swapped_in * unit,
				  s.swapped_out * unit,
				  s.faults_major,
				  s.faults_minor,
				  s.free * unit,
				  s.total * unit,
				  (s.free + s.cached) * unit,
				  s.cached * unit};
	const unsigned count = sizeof(value) / sizeof(value[0]);
	const struct virtq_buffer buffer = {statistics.gpa, count * sizeof(*to), false};

	for (unsigned tag = 0; tag < count; tag++)
		to[tag] = (struct statistic){tag, value[tag]};
	if (virtq_add(&balloon->queue[STATS], &buffer, 1, &statistics))
		virtq_kick(&balloon->queue[STATS]);
}

/* The host gives the buffer back when it wants news. */
static void answer_statistics(void)
{
	uint32_t unused;

	if (balloon->negotiated & F_STATS_VQ && virtq_take(&balloon->queue[STATS], &unused))
		offer_statistics();
}

/* A step towards the target; false: there is nothing to do, or no page. */
static bool adjust(void)
{
	const uint64_t wanted = target();
	const uint64_t before = held;
	bool more = false;

	if (held < wanted && clock_ns() >= pause_until_ns)
		more = inflate(wanted - held);
	else if (held > wanted)
		more = deflate(held - wanted);
	if (held != before)
		balloon->transport->config_write32(balloon, CONFIG_ACTUAL, (uint32_t)held);
	pv_count[PV_BALLOON] = held;
	return more;
}

static void follow_host(void *unused)
{
	(void)unused;
	if (balloon->negotiated & F_STATS_VQ)
		offer_statistics();
	for (;;) {
		look_again = false;
		while (adjust())
			answer_statistics();
		answer_statistics();
		wait_until_deadline(&changed, look_again, clock_ns() + LOOK_NS);
	}
}

/* Memory is out: gives some pages back at once, before the host is told. false: none are left. */
static bool relieve(void)
{
	unsigned count = 0;
	struct page *page;

	while (count < RELIEF && (page = release())) {
		page_put(page);
		count++;
	}
	if (count)
		pause_until_ns = clock_ns() + BACK_OFF_NS;
	return count;
}

void balloon_attach(struct virtio_device *device)
{
	unsigned queues;

	if (balloon || !pv_use(PV_BALLOON, true) ||
	    !virtio_start(device, F_STATS_VQ | F_DEFLATE_ON_OOM) ||
	    !dma_alloc(&numbers, BATCH * sizeof(uint32_t)) || !dma_alloc(&statistics, PAGE_BYTES))
		return;
	queues = device->negotiated & F_STATS_VQ ? QUEUES : STATS;
	for (unsigned i = 0; i < queues; i++) {
		if (!virtio_queue_open(device, i, 8))
			return;
		virtq_ask_interrupt(&device->queue[i], false);
	}
	virtio_ready(device);
	balloon = device;
	if (!kthread_start("balloon", follow_host, NULL))
		balloon = NULL;
	else if (device->negotiated & F_DEFLATE_ON_OOM)
		oom_set_relief(relieve);
}

bool balloon_state(uint64_t *target_kib, uint64_t *held_kib)
{
	if (!balloon)
		return false;
	*target_kib = target() * KIB_PER_PAGE;
	*held_kib = held * KIB_PER_PAGE;
	return true;
}

int balloon_set(uint64_t kib)
{
	struct page_stats stats;

	if (!balloon)
		return -ENODEV;
	page_stats_read(&stats);
	if (kib != BALLOON_AS_HOST && kib > stats.total * KIB_PER_PAGE)
		return -EINVAL;
	wish = kib;
	look_again = true;
	waitq_wake(&changed);
	return 0;
}
