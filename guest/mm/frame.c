/* SPDX-License-Identifier: MIT
 *
 * Frames are blocks of order 0 of the page allocator; before that stands, they come from where it will.
 */
#include "guest/mm/frame.h"

#include "guest/arch/spinlock.h"
#include "guest/lib/panic.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"

#define ZERO_POOL 16

static char zero_pool[ZERO_POOL][PAGE_BYTES]
	__attribute__((section(".bss.pages"), aligned(PAGE_BYTES)));
static unsigned zero_pool_used; /* atomic */

uint64_t frame_alloc(void)
{
	struct page *page;

	if (!page_array)
		return page_take_early();
	page = page_alloc(0, PAGE_ATOMIC);
	return page ? page_gpa(page) : 0;
}

uint64_t frame_alloc_zeroed(void)
{
	uint64_t gpa;

	if (zero_pool_used < ZERO_POOL) {
		const unsigned i = __atomic_fetch_add(&zero_pool_used, 1, __ATOMIC_RELAXED);

		if (i < ZERO_POOL)
			return image_gpa(zero_pool[i]);
	}
	gpa = frame_alloc();
	if (gpa)
		memset(direct(gpa), 0, PAGE_BYTES);
	return gpa;
}

uint64_t frame_alloc_row(uint64_t count)
{
	struct page *page = page_alloc_row(count);

	return page ? page_gpa(page) : 0;
}

void frame_free(uint64_t gpa)
{
	struct page *page = page_of(gpa);

	if (gpa - image_gpa(zero_pool) < sizeof(zero_pool))
		return; /* for good */
	if (!gpa || gpa % PAGE_BYTES || page->refs != 1 || page->order)
		panic("frame_free of %#lx", gpa);
	page_put(page);
}
