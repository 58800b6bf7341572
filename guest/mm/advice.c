/* SPDX-License-Identifier: MIT
 *
 * System calls about what is mapped already: advice, residence, locking, writing back, swap devices.
 */
#include "guest/arch/tlb.h"
#include "guest/fs/files.h"
#include "guest/lib/errno.h"
#include "guest/mm/cache.h"
#include "guest/mm/limits.h"
#include "guest/mm/map.h"
#include "guest/mm/read_ahead.h"
#include "guest/mm/slab.h"
#include "guest/mm/space_pages.h"
#include "guest/mm/swap.h"
#include "guest/mm/tables.h"
#include "guest/mm/user.h"
#include "guest/syscall/calls.h"

enum {
	MADV_NORMAL = 0,
	MADV_RANDOM = 1,
	MADV_SEQUENTIAL = 2,
	MADV_WILLNEED = 3,
	MADV_DONTNEED = 4,
	MADV_FREE = 8,
	MADV_HUGEPAGE = 14,
	MADV_NOHUGEPAGE = 15,
	MADV_DONTDUMP = 16,
	MADV_DODUMP = 17,
	MADV_COLD = 20,
	MADV_POPULATE_READ = 22,
	MADV_POPULATE_WRITE = 23
};
enum { MS_ASYNC = 1, MS_INVALIDATE = 2, MS_SYNC = 4 };
enum { MCL_CURRENT = 1, MCL_FUTURE = 2, MCL_ONFAULT = 4 };
enum { MLOCK_ONFAULT = 1 };

/* --- madvise */

static int drop_pages(struct vm_area *area, unsigned unused)
{
	(void)unused;
	if (area->flags & MAP_LOCKED)
		return -EINVAL;
	return space_zap(area->space, area->start_gva, area->end_gva);
}

static int set_huge(struct vm_area *area, unsigned huge)
{
	area->huge = (uint8_t)huge;
	return 0;
}

/* Into the cache; for anonymous memory there is nothing to be read. */
static int read_soon(struct vm_area *area, unsigned unused)
{
	const uint64_t count = (area->end_gva - area->start_gva) / PAGE_BYTES;

	(void)unused;
	if (area->cache && area->cache->operations->read_pages)
		read_ahead_now(area->cache, area->first_index,
			       count < CACHE_BATCH_MAX ? (unsigned)count : CACHE_BATCH_MAX);
	return 0;
}

static int populate(struct vm_area *area, unsigned write)
{
	if (write && !(area->protection & PROT_WRITE))
		return -EINVAL;
	for (uint64_t gva = area->start_gva; gva < area->end_gva; gva += PAGE_BYTES) {
		const int error = process_this()->exiting
					  ? -EINTR
					  : space_fault_locked(area->space, gva,
							       write ? SPACE_WRITE : SPACE_READ,
							       false);

		if (error)
			return error == -EACCES ? -EINVAL : error == -EIO ? -EFAULT : error;
	}
	return 0;
}

int64_t sys_madvise(uint64_t gva, uint64_t bytes, int advice)
{
	static int (*const act[])(struct vm_area * area, unsigned how) = {
		[MADV_WILLNEED] = read_soon,	  [MADV_DONTNEED] = drop_pages,
		[MADV_FREE] = drop_pages,	  [MADV_HUGEPAGE] = set_huge,
		[MADV_NOHUGEPAGE] = set_huge,	  [MADV_POPULATE_READ] = populate,
		[MADV_POPULATE_WRITE] = populate,
	};
	static const uint32_t hints = 1u << MADV_NORMAL | 1u << MADV_RANDOM |
				      1u << MADV_SEQUENTIAL | 1u << MADV_DONTDUMP |
				      1u << MADV_DODUMP | 1u << MADV_COLD;
	unsigned how = advice == MADV_POPULATE_WRITE;

	bytes = page_round_up(bytes);
	if (gva % PAGE_BYTES || !space_range_is_valid(gva, bytes) || advice < 0)
		return -EINVAL;
	if (advice < 32 && hints >> advice & 1)
		return 0;
	if ((size_t)advice >= sizeof(act) / sizeof(act[0]) || !act[advice])
		return -EINVAL;
	if (advice == MADV_HUGEPAGE || advice == MADV_NOHUGEPAGE)
		how = advice == MADV_HUGEPAGE ? HUGE_ALWAYS : HUGE_NEVER;
	return space_for_areas(task_this()->space, gva, gva + bytes, act[advice], how);
}

/* --- msync */

/* The first area from *gva on that is a shared file's, as that file (referenced) and the pages to write;
 * *gva becomes its end. NULL: none in a row before end_gva; *hole says whether there is one. */
static struct file *next_shared(struct space *space, uint64_t *gva, uint64_t end_gva,
				uint64_t *first, uint64_t *last, bool *hole)
{
	struct file *file = NULL;

	mutex_lock(&space->lock);
	while (*gva < end_gva && !file) {
		const struct vm_area *area = area_find(space, *gva);

		*hole |= !area || area->start_gva > *gva;
		if (!area || area->start_gva >= end_gva)
			break;
		if (area->file && area_is_shared(area)) {
			const uint64_t from = *gva > area->start_gva ? *gva : area->start_gva;
			const uint64_t to = end_gva < area->end_gva ? end_gva : area->end_gva;

			file = file_get(area->file);
			*first = area_index(area, from);
			*last = area_index(area, to - 1);
		}
		*gva = area->end_gva;
	}
	mutex_unlock(&space->lock);
	return file;
}

int64_t sys_msync(uint64_t gva, uint64_t bytes, int flags)
{
	const uint64_t end = gva + page_round_up(bytes);
	uint64_t first = 0, last = 0;
	struct file *file;
	bool hole = false;
	int result = 0;

	if (gva % PAGE_BYTES || flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
	    (flags & MS_ASYNC && flags & MS_SYNC))
		return -EINVAL;
	if (!space_range_is_valid(gva, end - gva))
		return -ENOMEM;
	while ((file = next_shared(task_this()->space, &gva, end, &first, &last, &hole))) {
		if (flags & MS_SYNC && !result)
			result = cache_write_back(&file->inode->cache, first, last);
		file_put(file);
	}
	return hole ? -ENOMEM : result;
}

/* --- mincore */

static bool is_resident(const struct vm_area *area, uint64_t gva)
{
	struct space *space = area->space;
	const uint64_t flags = spin_lock(&space->tables);
	unsigned level;
	const uint64_t *entry = tables_find(space, gva, &level);
	bool resident = entry && *entry & PTE_PRESENT;
	struct page *page;

	spin_unlock(&space->tables, flags);
	if (resident || !area->cache)
		return resident;
	page = cache_find(area->cache, area_index(area, gva));
	resident = page && page->flags & PAGE_UPTODATE;
	if (page)
		page_put(page);
	return resident;
}

int64_t sys_mincore(uint64_t gva, uint64_t bytes, uint64_t vector_gva)
{
	struct space *space = task_this()->space;
	const uint64_t end = gva + page_round_up(bytes);
	uint8_t part[64];

	if (gva % PAGE_BYTES)
		return -EINVAL;
	if (!space_range_is_valid(gva, end - gva))
		return -ENOMEM;
	while (gva < end) {
		unsigned count = 0;

		mutex_lock(&space->lock);
		for (; count < sizeof(part) && gva < end; gva += PAGE_BYTES) {
			const struct vm_area *area = area_find(space, gva);

			if (!area || area->start_gva > gva) {
				mutex_unlock(&space->lock);
				return -ENOMEM;
			}
			part[count++] = is_resident(area, gva);
		}
		mutex_unlock(&space->lock);
		if (user_write(vector_gva, part, count))
			return -EFAULT;
		vector_gva += count;
	}
	return 0;
}

/* --- mlock */

struct mark {
	struct tables_visitor visitor;
	uint64_t set;
};

static bool mark_entry(struct tables_visitor *visitor, uint64_t gva, uint64_t *entry,
		       unsigned level)
{
	const struct mark *mark = container_of(visitor, struct mark, visitor);

	(void)gva, (void)level;
	if (*entry & PTE_PRESENT)
		*entry = (*entry & ~(uint64_t)PTE_LOCKED_MEMORY) | mark->set;
	return true;
}

/* The page at an area's border may be a large one: then a bit more is locked, or unlocked, than is said. */
static int set_locked(struct vm_area *area, unsigned lock)
{
	struct space *space = area->space;
	const uint64_t pages = (area->end_gva - area->start_gva) / PAGE_BYTES;
	struct mark mark = {.visitor.visit = mark_entry, .set = lock ? PTE_LOCKED_MEMORY : 0};
	uint64_t gva = area->start_gva;
	int error;

	if (!!(area->flags & MAP_LOCKED) == !!lock)
		return 0;
	if (lock && !limit_permits_locked(space, pages))
		return -ENOMEM;
	area->flags ^= MAP_LOCKED;
	space->locked_pages += lock ? pages : -pages;
	while (gva < area->end_gva) {
		const uint64_t flags = spin_lock(&space->tables);

		gva = tables_walk(space, gva, area->end_gva, &mark.visitor);
		spin_unlock(&space->tables, flags);
	}
	error = lock & MCL_ONFAULT ? 0 : space_populate(space, area->start_gva, area->end_gva);
	return error == -EIO ? -ENOMEM : error == -ENOMEM ? -EAGAIN : error;
}

static int64_t lock_range(uint64_t gva, uint64_t bytes, unsigned lock)
{
	const uint64_t start = gva & ~(uint64_t)(PAGE_BYTES - 1);

	bytes = page_round_up(bytes + gva % PAGE_BYTES);
	if (!space_range_is_valid(start, bytes))
		return -ENOMEM;
	return space_for_areas(task_this()->space, start, start + bytes, set_locked, lock);
}

int64_t sys_mlock(uint64_t gva, uint64_t bytes)
{
	return lock_range(gva, bytes, MCL_CURRENT);
}

int64_t sys_mlock2(uint64_t gva, uint64_t bytes, int flags)
{
	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return lock_range(gva, bytes, MCL_CURRENT | (flags ? MCL_ONFAULT : 0));
}

int64_t sys_munlock(uint64_t gva, uint64_t bytes)
{
	return lock_range(gva, bytes, 0);
}

static int64_t lock_all(unsigned lock)
{
	struct space *space = task_this()->space;
	int error = 0;

	mutex_lock(&space->lock);
	for (struct vm_area *area = area_of(space->areas.first); area && error != -ENOMEM;
	     area = area_next(area))
		error = set_locked(area, lock);
	mutex_unlock(&space->lock);
	return error == -ENOMEM ? error : 0;
}

int64_t sys_mlockall(int flags)
{
	if (!flags || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!process_is_root() && !limit_of(RLIMIT_MEMLOCK))
		return -EPERM;
	task_this()->space->lock_future = flags & MCL_FUTURE;
	return flags & MCL_CURRENT ? lock_all(flags & (MCL_CURRENT | MCL_ONFAULT)) : 0;
}

int64_t sys_munlockall(void)
{
	task_this()->space->lock_future = false;
	return lock_all(0);
}

/* --- swap devices */

static int open_device(uint64_t path_gva, struct file **file)
{
	char *path;
	int64_t result;

	if (!process_is_root())
		return -EPERM;
	path = kmalloc(PATH_MAX);
	if (!path)
		return -ENOMEM;
	result = user_read_string(path, path_gva, PATH_MAX);
	if (result >= 0)
		result = file_open(AT_FDCWD, path, O_RDWR | O_DIRECT | O_CLOEXEC, 0, file);
	kfree(path);
	return (int)result;
}

int64_t sys_swapon(uint64_t path_gva, int flags)
{
	struct file *file;
	int error = open_device(path_gva, &file);

	(void)flags; /* priorities: there is only one */
	if (error)
		return error;
	error = swap_on(file);
	if (error)
		file_put(file);
	return error;
}

int64_t sys_swapoff(uint64_t path_gva)
{
	struct file *file;
	int error = open_device(path_gva, &file);

	if (error)
		return error;
	error = swap_off(file->inode);
	file_put(file);
	return error;
}
