/* SPDX-License-Identifier: MIT
 *
 * Waiting for pages: a few wait queues for all of them, by frame number.
 */
#include "guest/mm/page.h"
#include "guest/sched/wait.h"

#define QUEUES 16

static struct waitq queues[QUEUES] = {
#define Q(i) WAITQ_EMPTY(queues[i])
	Q(0), Q(1),  Q(2),  Q(3),  Q(4),  Q(5),	 Q(6), Q(7), Q(8),
	Q(9), Q(10), Q(11), Q(12), Q(13), Q(14), Q(15)
#undef Q
};

static struct waitq *queue_of(const struct page *page)
{
	return &queues[(page - page_array) % QUEUES];
}

void page_lock(struct page *page)
{
	if (!page_try_lock(page))
		wait_uninterruptible(queue_of(page), page_try_lock(page));
}

void page_unlock(struct page *page)
{
	page_clear(page, PAGE_LOCKED);
	waitq_wake(queue_of(page));
}

void page_end_write_back(struct page *page)
{
	page_clear(page, PAGE_WRITEBACK);
	waitq_wake(queue_of(page));
}
