/* SPDX-License-Identifier: MIT
 *
 * Page faults. An area says what ought to be at an address; the table entry, what is.
 *
 *   entry          area                  what happens
 *   0              anonymous             a page of zeroes: the common one for reading, a new one for writing
 *   0              file                  the page of the file, and what is cached around it; for writing to a
 *                                        private mapping a copy
 *   swapped        anonymous             read from swap
 *   not writable   private               a copy, unless nobody else has the page
 *   not writable   shared                writable from now on, and the page is dirty
 *   sufficient                           nothing: another CPU was faster, or the TLB is behind
 *
 * space->lock is held throughout, space->tables only to change an entry, which must then still be what it
 * was: reclaim doesn't take the mutex. If it changed, the program just faults once more.
 */
#include "guest/arch/tlb.h"
#include "guest/fs/vfs.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/cache.h"
#include "guest/mm/limits.h"
#include "guest/mm/space_pages.h"
#include "guest/mm/swap.h"
#include "guest/mm/tables.h"
#include "guest/proc/process.h"

#define AROUND 16 /* pages of a file mapped by one fault */

static struct page *zero_page;

static uint64_t entry_flags(const struct vm_area *area, bool writable)
{
	uint64_t flags = PTE_PRESENT | PTE_ACCESSED_DIRTY;

	if (area->protection)
		flags |= PTE_USER;
	if (writable && area->protection & PROT_WRITE)
		flags |= PTE_WRITE;
	if (!(area->protection & PROT_EXEC))
		flags |= PTE_NX;
	if (area->flags & MAP_LOCKED)
		flags |= PTE_LOCKED_MEMORY;
	return flags;
}

static void count_resident(struct space *space, int64_t pages)
{
	space->resident += pages;
	if (space->resident > space->resident_peak)
		space->resident_peak = space->resident;
}

/* Counts an entry that is about to map a page of the area's file. false: it was truncated meanwhile. Who
 * truncates changes page->cache first and looks at page->mapped then, so one of the two sees the other. */
static bool count_mapped(struct page *page, const struct vm_area *area)
{
	__atomic_fetch_add(&page->mapped, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&page->cache, __ATOMIC_SEQ_CST) == area->cache)
		return true;
	__atomic_fetch_sub(&page->mapped, 1, __ATOMIC_RELAXED);
	return false;
}

/* Makes *page (whose reference it takes) what is at gva, if the entry is still as it was. Then *page becomes
 * what was there before, for the caller to put after a flush, or NULL. Whether it did, or -ENOMEM. */
static int install(struct vm_area *area, uint64_t gva, uint64_t was, struct page **page,
		   uint64_t entry_bits)
{
	struct space *space = area->space;
	const uint64_t flags = spin_lock(&space->tables);
	uint64_t *entry = tables_make(space, gva, 0);
	struct page *old = *page;
	int result = entry ? 0 : -ENOMEM;

	if (entry && *entry == was) {
		if (!(old->flags & PAGE_ANONYMOUS) && !count_mapped(old, area)) {
			spin_unlock(&space->tables, flags);
			return 0;
		}
		*entry = page_gpa(old) | entry_bits;
		if (was & PTE_PRESENT) {
			old = pte_page(was);
			if (!(old->flags & PAGE_ANONYMOUS))
				__atomic_fetch_sub(&old->mapped, 1, __ATOMIC_RELAXED);
			*page = old;
		} else {
			space->swapped -= was != 0;
			count_resident(space, 1);
			*page = NULL;
		}
		result = 1;
	}
	spin_unlock(&space->tables, flags);
	return result;
}

/* Until one could be had; false: there is none, even after reclaim. */
static bool wait_for_page(void)
{
	struct page *page = page_alloc(0, 0);

	if (page)
		page_put(page);
	return page;
}

/* The same, and what is left is given back: 0 or -ENOMEM. */
static int install_and_put(struct vm_area *area, uint64_t gva, uint64_t was, struct page *page,
			   uint64_t entry_bits)
{
	int result;

	/* Tables come from what is at hand. If that is nothing, a page is waited for as for any other fault. */
	while ((result = install(area, gva, was, &page, entry_bits)) < 0 && wait_for_page())
		;
	if (page && was & PTE_PRESENT)
		tlb_flush_range(area->space, gva, gva + PAGE_BYTES);
	if (page)
		space_put_page(page);
	if (result == 1 && was && !(was & PTE_PRESENT))
		swap_entry_put(was);
	return result < 0 ? result : 0;
}

static struct page *anonymous_page(unsigned order, unsigned want)
{
	struct page *page = page_alloc(order, want);

	if (page) {
		page->flags = PAGE_ANONYMOUS;
		page_count(anonymous, 1 << order);
	}
	return page;
}

/* The one that everybody reads; NULL: no memory. */
static struct page *shared_zeroes(void)
{
	struct page *page = __atomic_load_n(&zero_page, __ATOMIC_ACQUIRE), *none = NULL;

	if (!page) {
		page = anonymous_page(0, PAGE_ZEROED);
		if (page && !__atomic_compare_exchange_n(&zero_page, &none, page, false,
							 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			page_put(page);
			page = none;
		}
	}
	if (page)
		page_get(page);
	return page;
}

/* Whether 2 MiB around gva may be one page: they are in the area, nothing is there, and the program either
 * asked for it or has come to the end of the 2 MiB before. */
static bool wants_large(const struct vm_area *area, uint64_t gva)
{
	const uint64_t start = gva & ~(uint64_t)(LARGE_PAGE_BYTES - 1);
	unsigned level;
	uint64_t *entry;

	if (start < area->start_gva || start + LARGE_PAGE_BYTES > area->end_gva ||
	    area->huge == HUGE_NEVER || page_free_count() < 4 * 512 + page_low_mark)
		return false;
	if (area->huge == HUGE_ALWAYS)
		return true;
	entry = gva == start ? tables_find(area->space, start - PAGE_BYTES, &level) : NULL;
	return entry && *entry & PTE_PRESENT;
}

static bool install_large(struct vm_area *area, uint64_t gva)
{
	struct space *space = area->space;
	const uint64_t start = gva & ~(uint64_t)(LARGE_PAGE_BYTES - 1);
	struct page *page = anonymous_page(LARGE_PAGE_ORDER, PAGE_ATOMIC | PAGE_ZEROED);
	uint64_t flags, *entry;
	bool done;

	if (!page)
		return false;
	flags = spin_lock(&space->tables);
	entry = tables_make(space, start, 1);
	done = entry && !*entry;
	if (done) {
		*entry = page_gpa(page) | entry_flags(area, true) | PTE_LARGE;
		count_resident(space, 512);
	}
	spin_unlock(&space->tables, flags);
	if (done)
		page_count(huge_faults, 1);
	else
		page_put(page);
	return done;
}

static int fault_anonymous(struct vm_area *area, uint64_t gva, bool write)
{
	struct page *page;

	if (write && wants_large(area, gva) && install_large(area, gva))
		return 0;
	page = write ? anonymous_page(0, PAGE_ZEROED) : shared_zeroes();
	if (!page)
		return -ENOMEM;
	return install_and_put(area, gva, 0, page, entry_flags(area, write));
}

/* Maps what is cached already around gva, to be read. */
static void map_around(struct vm_area *area, uint64_t gva)
{
	struct space *space = area->space;
	uint64_t start = gva & ~(uint64_t)(AROUND * PAGE_BYTES - 1), flags;
	uint64_t end = start + AROUND * PAGE_BYTES, *entry;
	const uint64_t bits = entry_flags(area, false);
	struct page *page[AROUND];
	unsigned count;

	start = start < area->start_gva ? area->start_gva : start;
	end = end > area->end_gva ? area->end_gva : end;
	count = (end - start) / PAGE_BYTES;
	if (!cache_find_many(area->cache, area_index(area, start), count, page))
		return;
	flags = spin_lock(&space->tables);
	entry = tables_make(space, start, 0);
	for (unsigned i = 0; i < count; i++) {
		if (!page[i] || !entry || entry[i] || !count_mapped(page[i], area))
			continue;
		entry[i] = page_gpa(page[i]) | bits;
		count_resident(space, 1);
		page[i] = NULL;
	}
	spin_unlock(&space->tables, flags);
	for (unsigned i = 0; i < count; i++)
		if (page[i])
			page_put(page[i]);
}

static int copy_page(struct vm_area *area, uint64_t gva, uint64_t was, struct page *from)
{
	struct page *page = anonymous_page(0, from == zero_page ? PAGE_ZEROED : 0);

	if (!page)
		return -ENOMEM;
	if (from != zero_page)
		memcpy(page_data(page), page_data(from), PAGE_BYTES);
	page_count(copied_on_write, 1);
	return install_and_put(area, gva, was, page, entry_flags(area, true));
}

static int fault_file(struct vm_area *area, uint64_t gva, bool write)
{
	const uint64_t index = area_index(area, gva);
	const struct inode *inode = area->cache->inode;
	bool writable = area_is_shared(area) && (write || !area->cache->operations->write_page);
	struct page *page;
	int error;

	if (inode && index >= (inode->size + PAGE_BYTES - 1) / PAGE_BYTES)
		return -EIO;
	page = cache_read(area->cache, index, &error);
	if (!page)
		return error == -ENOMEM ? error : -EIO;
	if (write && !area_is_shared(area)) {
		error = copy_page(area, gva, 0, page);
		page_put(page);
		return error;
	}
	page_get(page);
	error = install_and_put(area, gva, 0, page, entry_flags(area, writable));
	if (writable && area->protection & PROT_WRITE)
		cache_dirty(area->cache, page); /* after the program can write: see write-back */
	page_put(page);
	if (!write && !error)
		map_around(area, gva);
	return error;
}

/* Readable at first: a write comes back as one to a page that may be shared. */
static int fault_swapped(struct vm_area *area, uint64_t gva, uint64_t was)
{
	int error;
	struct page *page = swap_read(was, &error);

	return page ? install_and_put(area, gva, was, page, entry_flags(area, false)) : error;
}

/* Sets PTE_WRITE in an entry that is still what it was. */
static void permit_write(struct space *space, uint64_t gva, uint64_t was, uint64_t bits)
{
	const uint64_t flags = spin_lock(&space->tables);
	unsigned level;
	uint64_t *entry = tables_find(space, gva, &level);

	if (entry && *entry == was)
		*entry = was | bits;
	spin_unlock(&space->tables, flags);
}

/* Whether an anonymous page, to which the caller has a reference, is otherwise one entry's alone. A look
 * without locks is enough: entries are added only by fork, which takes space->lock. */
static bool is_exclusive(struct page *page)
{
	if (!(page->flags & PAGE_ANONYMOUS) || (page->flags & PAGE_SWAP && !swap_release(page)))
		return false;
	return __atomic_load_n(&page->refs, __ATOMIC_ACQUIRE) == 2;
}

/* The page of an entry that is still what it was, with a reference; or NULL. */
static struct page *get_page(struct space *space, uint64_t gva, uint64_t was)
{
	const uint64_t flags = spin_lock(&space->tables);
	unsigned level;
	const uint64_t *entry = tables_find(space, gva, &level);
	struct page *page = entry && *entry == was ? pte_page(was) : NULL;

	if (page)
		page_get(page);
	spin_unlock(&space->tables, flags);
	return page;
}

static int fault_protected(struct vm_area *area, uint64_t gva, uint64_t was)
{
	const uint64_t write = area->protection & PROT_WRITE ? PTE_WRITE : 0;
	struct page *page;
	int error = 0;

	if (was & PTE_LARGE) {
		/* Nobody else has it: fork has split large pages. Nor may anybody refer to it, for reclaim
		 * may split it at any time, and then each of its parts has one reference. */
		permit_write(area->space, gva, was, write);
		return 0;
	}
	page = get_page(area->space, gva, was);
	if (!page)
		return 0;
	if (area_is_shared(area)) {
		permit_write(area->space, gva, was, write);
		cache_dirty(area->cache, page); /* after the program can write: see write-back */
	} else if (is_exclusive(page)) {
		permit_write(area->space, gva, was, write);
	} else {
		error = copy_page(area, gva, was, page);
	}
	page_put(page);
	return error;
}

/* The area for an access at gva: the one there, or a stack that may grow so far. */
static struct vm_area *area_for(struct space *space, uint64_t gva)
{
	struct vm_area *area = area_find(space, gva), *below;
	const uint64_t start = gva & ~(uint64_t)(PAGE_BYTES - 1);

	if (!area || gva >= area->start_gva)
		return area;
	if (!(area->flags & MAP_GROWSDOWN) || area->end_gva - start > limit_of(RLIMIT_STACK) ||
	    !limit_permits_pages(space, (area->start_gva - start) / PAGE_BYTES))
		return NULL;
	below = area_previous(area);
	if (start < USER_LOWEST || (below && start < below->end_gva + STACK_GUARD_BYTES))
		return NULL;
	area_move_borders(area, start, area->end_gva);
	return area;
}

static bool is_permitted(const struct vm_area *area, enum space_access access, bool force)
{
	static const uint32_t needed[] = {[SPACE_READ] = PROT_READ | PROT_WRITE | PROT_EXEC,
					  [SPACE_WRITE] = PROT_WRITE,
					  [SPACE_EXECUTE] = PROT_EXEC};

	return area->protection & needed[access] || (force && !area_is_shared(area));
}

static uint64_t entry_now(struct space *space, uint64_t gva)
{
	const uint64_t flags = spin_lock(&space->tables);
	unsigned level;
	const uint64_t *entry = tables_find(space, gva, &level);
	const uint64_t value = entry ? *entry : 0;

	spin_unlock(&space->tables, flags);
	return value;
}

int space_fault_locked(struct space *space, uint64_t gva, enum space_access access, bool force)
{
	const bool write = access == SPACE_WRITE;
	struct vm_area *area = area_for(space, gva);
	uint64_t entry;

	if (!area)
		return -EFAULT;
	if (!is_permitted(area, access, force))
		return -EACCES;
	gva &= ~(uint64_t)(PAGE_BYTES - 1);
	entry = entry_now(space, gva);
	if (!entry)
		return area->cache ? fault_file(area, gva, write)
				   : fault_anonymous(area, gva, write);
	if (!(entry & PTE_PRESENT))
		return fault_swapped(area, gva, entry);
	if (write && !(entry & PTE_WRITE))
		return fault_protected(area, gva, entry);
	return 0;
}

int space_fault(struct space *space, uint64_t gva, enum space_access access)
{
	struct task *task = task_this();
	const uint64_t major = task->fault_count_major;
	int error;

	if (gva >= USER_END)
		return -EFAULT;
	if (space->doomed)
		return -ENOMEM;
	mutex_lock(&space->lock);
	error = space_fault_locked(space, gva, access, false);
	mutex_unlock(&space->lock);
	if (task->fault_count_major == major) {
		task->fault_count_minor++;
		page_count(faults_minor, 1);
	}
	return error;
}
