/* SPDX-License-Identifier: MIT
 *
 * One swap device, or file, at a time. count[slot] says how many table entries name the slot, and one more
 * while its page is in the swap cache; the lock of that guards both.
 */
#include "guest/mm/swap.h"

#include "guest/fs/vfs.h"
#include "guest/lib/errno.h"
#include "guest/mm/cache.h"
#include "guest/mm/slab.h"
#include "guest/sched/task.h"

#define LOOKS 256
#define NOT_ON_DISK (PAGE_DIRTY | PAGE_WRITEBACK | PAGE_LOCKED)

static struct {
	struct page_cache cache; /* the swap cache: only its tree and lock are used */
	struct file *file;	 /* NULL: there is no swap */
	uint16_t *count;
	uint64_t slots, next; /* next: where to look for a free one */
	bool closing;	      /* swapoff: no slot is given out */
} swap;

static uint64_t slot_of(uint64_t entry)
{
	return entry / PAGE_BYTES;
}

/* The lock is held. 0: none is free. */
static uint64_t take_slot(void)
{
	if (!swap.file || swap.closing ||
	    !__atomic_load_n(&page_counters.swap_free, __ATOMIC_RELAXED))
		return 0;
	for (uint64_t i = 1; i < swap.slots; i++) {
		if (swap.next >= swap.slots)
			swap.next = 1;
		if (!swap.count[swap.next]) {
			page_count(swap_free, -1);
			return swap.next++;
		}
		swap.next++;
	}
	return 0;
}

static void drop_count(uint64_t slot)
{
	if (!--swap.count[slot])
		page_count(swap_free, 1);
}

uint64_t swap_take_slot(void)
{
	const uint64_t flags = spin_lock(&swap.cache.lock), slot = take_slot();

	if (slot)
		swap.count[slot] = 1;
	spin_unlock(&swap.cache.lock, flags);
	return swap_entry(slot);
}

void swap_entry_get(uint64_t entry)
{
	const uint64_t flags = spin_lock(&swap.cache.lock);

	swap.count[slot_of(entry)]++;
	spin_unlock(&swap.cache.lock, flags);
}

/* Out of the swap cache; the lock is held. The caller puts the reference that the cache had. */
static void remove_page(struct page *page)
{
	radix_remove(&swap.cache.pages, page->index);
	page_clear(page, PAGE_SWAP | PAGE_DIRTY);
	drop_count(page->index);
}

void swap_entry_put(uint64_t entry)
{
	const uint64_t slot = slot_of(entry), flags = spin_lock(&swap.cache.lock);
	struct page *page = NULL;

	drop_count(slot);
	if (swap.count[slot] == 1) {
		page = radix_find(&swap.cache.pages, slot);
		if (page && (page->refs != 1 || page->flags & PAGE_WRITEBACK))
			page = NULL; /* who has the other reference will see to it */
		if (page)
			remove_page(page);
	}
	spin_unlock(&swap.cache.lock, flags);
	if (page)
		page_put(page);
}

bool swap_release(struct page *page)
{
	const uint64_t flags = spin_lock(&swap.cache.lock);
	const bool in_cache = page->flags & PAGE_SWAP;
	const bool release = in_cache && swap.count[page->index] == 1 &&
			     !(page->flags & PAGE_WRITEBACK);

	if (release)
		remove_page(page);
	spin_unlock(&swap.cache.lock, flags);
	if (release)
		page_put(page);
	return release || !in_cache;
}

void swap_drop(struct page *page)
{
	const uint64_t flags = spin_lock(&swap.cache.lock);
	const bool drop = page->flags & PAGE_SWAP &&
			  !(page->flags & (PAGE_DIRTY | PAGE_WRITEBACK)) &&
			  __atomic_load_n(&page->refs, __ATOMIC_ACQUIRE) == 2;

	if (drop)
		remove_page(page);
	spin_unlock(&swap.cache.lock, flags);
	if (drop)
		page_put(page);
}

/* A page that is only in the swap cache, out of it; *slot is where the search goes on. NULL: none within
 * LOOKS. */
static struct page *pop_unused(uint64_t *slot)
{
	const uint64_t flags = spin_lock(&swap.cache.lock);
	struct page *page = NULL;

	for (unsigned i = 0; i < LOOKS; i++, ++*slot) {
		page = radix_next(&swap.cache.pages, slot);
		if (!page || (page->refs == 1 && !(page->flags & NOT_ON_DISK)))
			break;
		page = NULL;
	}
	if (page)
		remove_page(page);
	else if (!radix_next(&swap.cache.pages, slot))
		*slot = 0;
	spin_unlock(&swap.cache.lock, flags);
	return page;
}

unsigned swap_shrink(unsigned want)
{
	static uint64_t hand; /* a wrong place does no harm */
	uint64_t slot = hand;
	unsigned freed = 0;
	struct page *page;

	while (freed < want && (page = pop_unused(&slot))) {
		page_put(page);
		freed++;
	}
	hand = slot;
	return freed;
}

uint64_t swap_add(struct page *page)
{
	const uint64_t flags = spin_lock(&swap.cache.lock);
	uint64_t slot = 0;

	if (page->flags & PAGE_SWAP) {
		slot = page->index;
		swap.count[slot]++;
	} else if ((slot = take_slot()) && radix_insert(&swap.cache.pages, slot, page)) {
		swap.count[slot] = 2;
		page->index = slot;
		page_get(page);
		page_set(page, PAGE_SWAP | PAGE_DIRTY | PAGE_UPTODATE);
	} else if (slot) {
		page_count(swap_free, 1);
		slot = 0;
	}
	spin_unlock(&swap.cache.lock, flags);
	return swap_entry(slot);
}

/* The page at slot, referenced: perhaps a new one, which is locked and to be read. NULL: no memory. */
static struct page *find_or_add(uint64_t slot, bool *is_new)
{
	struct page *fresh = NULL, *page;

	for (;;) {
		const uint64_t flags = spin_lock(&swap.cache.lock);

		page = radix_find(&swap.cache.pages, slot);
		*is_new = !page && fresh && radix_insert(&swap.cache.pages, slot, fresh);
		if (*is_new) {
			page = fresh;
			page->index = slot;
			page->flags = PAGE_ANONYMOUS | PAGE_SWAP | PAGE_LOCKED;
			page_count(anonymous, 1);
			swap.count[slot]++;
		}
		if (page)
			page_get(page);
		spin_unlock(&swap.cache.lock, flags);
		if (page || fresh)
			break;
		fresh = page_alloc(0, 0);
		if (!fresh)
			return NULL;
	}
	if (fresh && !*is_new)
		page_put(fresh);
	return page;
}

int swap_transfer(uint64_t entry, struct page *page, bool write)
{
	const int64_t done = write ? file_write_at(swap.file, page_data(page), PAGE_BYTES, entry)
				   : file_read_at(swap.file, page_data(page), PAGE_BYTES, entry);

	if (write)
		page_count(swapped_out, 1);
	else
		page_count(swapped_in, 1);
	return done == PAGE_BYTES ? 0 : -EIO;
}

struct page *swap_read(uint64_t entry, int *error)
{
	bool is_new;
	struct page *page = find_or_add(slot_of(entry), &is_new);

	*error = page ? 0 : -ENOMEM;
	if (!page)
		return NULL;
	if (is_new) {
		*error = swap_transfer(entry, page, false);
		page_set(page, *error ? PAGE_FAILED : PAGE_UPTODATE);
		page_unlock(page);
		page_count(faults_major, 1);
		task_this()->fault_count_major++;
	} else if (!(page->flags & PAGE_UPTODATE)) {
		page_lock(page); /* somebody else is reading it */
		page_unlock(page);
		*error = page->flags & PAGE_UPTODATE ? 0 : -EIO;
	}
	if (!*error)
		return page;
	page_put(page);
	return NULL;
}

/* Whether it is to be written. With the lock held, so that swap_release() can't give its slot to another
 * page in between. */
static bool begin_write(struct page *page)
{
	const uint64_t flags = spin_lock(&swap.cache.lock);
	const bool begin = page->flags & PAGE_SWAP && page->flags & PAGE_DIRTY;

	if (begin) {
		page_set(page, PAGE_WRITEBACK);
		page_clear(page, PAGE_DIRTY);
	}
	spin_unlock(&swap.cache.lock, flags);
	return begin;
}

int swap_write(struct page *page)
{
	int error = 0;

	page_lock(page);
	if (begin_write(page)) {
		error = swap_transfer(swap_entry(page->index), page, true);
		if (error)
			page_set(page, PAGE_DIRTY);
		page_end_write_back(page);
	}
	page_unlock(page);
	return error;
}

/* --- beginning and end */

/* union swap_header of mkswap(8), version 1. */
struct swap_header {
	uint8_t boot_bits[1024];
	uint32_t version, last_page, bad_page_count;
	uint8_t unused[PAGE_BYTES - 1024 - 12 - 10];
	char signature[10];
};
_Static_assert(sizeof(struct swap_header) == PAGE_BYTES, "swap_header");

static bool header_is_good(const struct swap_header *header, uint64_t bytes)
{
	static const char signature[] = "SWAPSPACE2";

	for (unsigned i = 0; i < 10; i++)
		if (header->signature[i] != signature[i])
			return false;
	return header->version == 1 && !header->bad_page_count && header->last_page &&
	       (!bytes || header->last_page < bytes / PAGE_BYTES);
}

int swap_on(struct file *file)
{
	struct swap_header *header = kmalloc(PAGE_BYTES);
	uint64_t slots = 0, flags;
	uint16_t *count = NULL;
	bool busy;

	if (!header)
		return -ENOMEM;
	if (file_read_at(file, header, PAGE_BYTES, 0) == PAGE_BYTES &&
	    header_is_good(header, file->inode->size))
		slots = (uint64_t)header->last_page + 1;
	kfree(header);
	if (!slots)
		return -EINVAL;
	count = kmalloc(slots * sizeof(*count));
	if (!count)
		return -ENOMEM;
	flags = spin_lock(&swap.cache.lock);
	busy = swap.file;
	if (!busy) {
		swap.count = count;
		swap.slots = slots;
		swap.next = 1;
		swap.closing = false;
		swap.file = file;
		page_counters.swap_total = page_counters.swap_free = slots - 1;
	}
	spin_unlock(&swap.cache.lock, flags);
	if (busy)
		kfree(count);
	return busy ? -EBUSY : 0;
}

int swap_close_begin(const struct inode *inode)
{
	const uint64_t flags = spin_lock(&swap.cache.lock);
	const bool ours = swap.file && swap.file->inode == inode && !swap.closing;

	swap.closing |= ours;
	spin_unlock(&swap.cache.lock, flags);
	return ours ? 0 : -EINVAL;
}

/* A page of the swap cache that no entry names, out of it; NULL: there is none. */
static struct page *pop_unnamed(uint64_t *slot)
{
	const uint64_t flags = spin_lock(&swap.cache.lock);
	struct page *page;

	while ((page = radix_next(&swap.cache.pages, slot)) &&
	       (swap.count[*slot] != 1 || page->flags & PAGE_WRITEBACK))
		++*slot;
	if (page)
		remove_page(page);
	spin_unlock(&swap.cache.lock, flags);
	return page;
}

struct file *swap_close_end(bool done)
{
	struct file *file = NULL;
	uint16_t *count = NULL;
	struct page *page;
	uint64_t slot = 0, flags;

	while (done && (page = pop_unnamed(&slot)))
		page_put(page);
	flags = spin_lock(&swap.cache.lock);
	swap.closing = false;
	if (done && page_counters.swap_free == page_counters.swap_total) {
		file = swap.file;
		count = swap.count;
		swap.file = NULL;
		page_counters.swap_total = page_counters.swap_free = 0;
	}
	spin_unlock(&swap.cache.lock, flags);
	kfree(count);
	return file;
}
