/* SPDX-License-Identifier: MIT
 *
 * Pages of files are in two lists: the inactive one is reclaimed from its end, and a page that was used
 * twice moves to the active one. Anonymous pages are in no list, so that a fault costs nothing more: a
 * clock hand goes round the page tables of all spaces (anonymous.c).
 */
#include "guest/mm/reclaim.h"

#include "guest/arch/spinlock.h"
#include "guest/lib/panic.h"
#include "guest/mm/cache.h"
#include "guest/mm/oom.h"
#include "guest/mm/rmap.h"
#include "guest/mm/shmem_swap.h"
#include "guest/mm/space.h"
#include "guest/mm/swap.h"
#include "guest/mm/swap_out.h"
#include "guest/sched/timer.h"
#include "guest/sched/wait.h"
#include "guest/time/clock.h"

#define BATCH 32
#define AGE_MAX 256
#define EFFORT_MAX 200
#define OOM_WAIT_NS 10000000ull

uint64_t write_back_after_ns = 5000000000;

static struct list inactive = LIST_EMPTY(inactive), active = LIST_EMPTY(active);
static uint64_t inactive_count, active_count;
static struct spinlock lru_lock;

static struct waitq reclaim_queue = WAITQ_EMPTY(reclaim_queue);
static struct waitq write_back_queue = WAITQ_EMPTY(write_back_queue);
static struct task *reclaim_task, *write_back_task;
static bool write_now;

/* lru_lock is held. */
static void list_page(struct page *page, bool is_active)
{
	page_set(page, is_active ? PAGE_LRU | PAGE_ACTIVE : PAGE_LRU);
	list_add_first(is_active ? &active : &inactive, &page->lru);
	*(is_active ? &active_count : &inactive_count) += 1;
}

static void unlist_page(struct page *page)
{
	*(page->flags & PAGE_ACTIVE ? &active_count : &inactive_count) -= 1;
	list_remove(&page->lru);
	page_clear(page, PAGE_LRU | PAGE_ACTIVE);
}

void reclaim_add(struct page *page)
{
	const uint64_t flags = spin_lock(&lru_lock);

	list_page(page, false);
	spin_unlock(&lru_lock, flags);
}

void reclaim_remove(struct page *page)
{
	const uint64_t flags = spin_lock(&lru_lock);

	if (page->flags & PAGE_LRU)
		unlist_page(page);
	spin_unlock(&lru_lock, flags);
}

/* Pages at the end of the active list get their second chance in the other one; not too many at once, with
 * interrupts off. */
static void age(void)
{
	for (unsigned i = 0; i < AGE_MAX && active_count > inactive_count; i++) {
		struct page *page = container_of(active.previous, struct page, lru);

		unlist_page(page);
		page_clear(page, PAGE_REFERENCED);
		list_page(page, false);
	}
}

/* The page at the end of the inactive list, off it, locked and referenced. Nobody changes the cache of a
 * locked page. NULL: none within budget. */
static struct page *isolate(unsigned *budget)
{
	const uint64_t flags = spin_lock(&lru_lock);
	struct page *found = NULL;

	if (inactive_count * 2 < active_count || list_is_empty(&inactive))
		age();
	while (!found && *budget && !list_is_empty(&inactive)) {
		struct page *page = container_of(inactive.previous, struct page, lru);

		--*budget;
		unlist_page(page);
		if (page_try_lock(page)) {
			page_get(page);
			found = page;
		} else {
			list_page(page, false);
		}
	}
	spin_unlock(&lru_lock, flags);
	return found;
}

/* Tries to free a page from isolate(). Whether it did; else *keep_active says which list it belongs to. */
static bool try_free(struct page *page, bool *keep_active)
{
	struct page_cache *cache = page->cache;
	const bool used = rmap_was_used(cache, page, page->index);

	if (used || page->flags & PAGE_REFERENCED) {
		*keep_active = used || page->flags & PAGE_REFERENCED;
		page_clear(page, PAGE_REFERENCED);
		return false;
	}
	if (page->flags & PAGE_DIRTY && cache->operations->write_page) {
		__atomic_store_n(&write_now, true, __ATOMIC_RELEASE);
		waitq_wake(&write_back_queue);
		return false;
	}
	if (!cache->operations->read_page && !page_counters.swap_free)
		return false; /* memory is the only place */
	rmap_unmap(cache, page, page->index);
	if (!cache->operations->read_page)
		return shmem_swap_out(page);
	return cache_evict(page);
}

static unsigned shrink_files(unsigned want, unsigned budget)
{
	unsigned freed = 0;
	struct page *page;

	while (freed < want && (page = isolate(&budget))) {
		bool keep_active = false;

		page_count(scanned, 1);
		if (page->cache && try_free(page, &keep_active))
			freed++;
		if (page->cache) {
			const uint64_t flags = spin_lock(&lru_lock);

			list_page(page, keep_active);
			spin_unlock(&lru_lock, flags);
		}
		page_unlock(page);
		page_put(page);
	}
	page_count(reclaimed, freed);
	return freed;
}

void reclaim_drop_clean(void)
{
	unsigned budget = (unsigned)(inactive_count + 2 * active_count);
	struct page *page;

	while ((page = isolate(&budget))) {
		const struct page_cache *cache = page->cache;

		if (cache && (!cache->operations->read_page || !cache_evict(page))) {
			const uint64_t flags = spin_lock(&lru_lock);

			list_page(page, false);
			spin_unlock(&lru_lock, flags);
		}
		page_unlock(page);
		page_put(page);
	}
}

/* The more effort, the more is looked at. */
static unsigned shrink(unsigned want, unsigned effort)
{
	unsigned freed = shrink_files(want, want * 4 << (effort < 6 ? effort : 6));

	if (freed < want)
		freed += swap_shrink(want - freed);
	if (freed < want)
		freed += swap_out(want - freed);
	return freed;
}

static bool is_needed(void)
{
	return page_free_count() < page_low_mark;
}

static void reclaim_thread(void *unused)
{
	(void)unused;
	for (;;) {
		wait_until(&reclaim_queue, is_needed());
		for (unsigned idle = 0; page_free_count() < 2 * page_low_mark && idle < 8;)
			idle = shrink(BATCH, idle) ? 0 : idle + 1;
		if (is_needed()) /* nothing to be had now; whoever needs it kills */
			timer_sleep_until(clock_ns() + 10 * OOM_WAIT_NS);
	}
}

static bool too_much_is_dirty(void)
{
	return page_counters.dirty > page_free_count() / 4;
}

static void write_back_thread(void *unused)
{
	(void)unused;
	for (;;) {
		wait_until(&write_back_queue, page_counters.dirty);
		wait_until_deadline(&write_back_queue,
				    __atomic_load_n(&write_now, __ATOMIC_ACQUIRE) ||
					    too_much_is_dirty(),
				    clock_ns() + write_back_after_ns);
		if (__atomic_exchange_n(&write_now, false, __ATOMIC_ACQ_REL) || too_much_is_dirty())
			cache_write_older(clock_ns());
		else
			cache_write_older(clock_ns() - write_back_after_ns);
	}
}

void reclaim_start(void)
{
	reclaim_task = kthread_start("reclaim", reclaim_thread, NULL);
	write_back_task = kthread_start("write-back", write_back_thread, NULL);
	if (!reclaim_task || !write_back_task)
		panic("no memory for the kernel's threads");
}

void reclaim_wake(void)
{
	if (reclaim_task)
		waitq_wake(&reclaim_queue);
}

void write_back_wake(void)
{
	if (write_back_task)
		waitq_wake(&write_back_queue);
}

bool reclaim_may_use_reserve(void)
{
	const struct task *task = task_this();

	return task == reclaim_task || task == write_back_task ||
	       (task->space && task->space->doomed);
}

bool reclaim_for(unsigned order, unsigned effort)
{
	if (shrink(BATCH << (order < 4 ? order : 4), effort))
		return effort < EFFORT_MAX;
	if (effort < 4)
		return true;
	if (order > 3 || reclaim_may_use_reserve() || effort > EFFORT_MAX)
		return false;
	if (page_free_count() < page_low_mark && !oom_kill()) /* some may just have come back */
		return false;
	timer_sleep_until(clock_ns() + OOM_WAIT_NS);
	return true;
}
