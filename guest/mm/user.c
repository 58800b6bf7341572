/* SPDX-License-Identifier: MIT
 *
 * Copies between the kernel and a program, page by page: each is looked up and copied with the tables
 * locked, so it can't go away meanwhile; if it isn't there, that is a fault like the program's own.
 */
#include "guest/mm/user.h"

#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/space_pages.h"
#include "guest/mm/tables.h"
#include "guest/sched/task.h"

enum copy_kind { COPY_IN, COPY_OUT, COPY_ZEROES, COPY_POKE };

/* Where gva is, for an access of this kind; NULL: it takes a fault first. space->tables is held. */
static uint8_t *locate(const struct space *space, uint64_t gva, enum copy_kind kind)
{
	unsigned level;
	const uint64_t *at = tables_find(space, gva, &level);
	const uint64_t entry = at ? *at : 0;

	if (!(entry & PTE_PRESENT) || (!(entry & PTE_USER) && kind != COPY_POKE))
		return NULL;
	if (kind != COPY_IN && !(entry & PTE_WRITE) &&
	    (kind != COPY_POKE || !(pte_page(entry)->flags & PAGE_ANONYMOUS) ||
	     pte_page(entry)->flags & PAGE_SWAP || pte_page(entry)->refs != 1))
		return NULL;
	return (uint8_t *)direct(entry & PTE_ADDRESS) +
	       gva % (level ? LARGE_PAGE_BYTES : PAGE_BYTES);
}

static bool copy_part(struct space *space, uint64_t gva, void *kernel, size_t bytes,
		      enum copy_kind kind)
{
	const uint64_t flags = spin_lock(&space->tables);
	uint8_t *user = locate(space, gva, kind);

	if (user && kind == COPY_IN)
		memcpy(kernel, user, bytes);
	else if (user && kind == COPY_ZEROES)
		memset(user, 0, bytes);
	else if (user)
		memcpy(user, kernel, bytes);
	spin_unlock(&space->tables, flags);
	return user;
}

static int fault(struct space *space, uint64_t gva, enum copy_kind kind)
{
	int error;

	if (kind != COPY_POKE)
		return space_fault(space, gva, kind == COPY_IN ? SPACE_READ : SPACE_WRITE);
	mutex_lock(&space->lock);
	error = space_fault_locked(space, gva, SPACE_WRITE, true);
	mutex_unlock(&space->lock);
	return error;
}

static int copy(struct space *space, uint64_t gva, void *kernel, size_t bytes, enum copy_kind kind)
{
	if (!bytes)
		return 0;
	if (!space || gva >= USER_END || bytes > USER_END - gva)
		return -EFAULT;
	for (;;) {
		size_t part = PAGE_BYTES - gva % PAGE_BYTES;

		if (part > bytes)
			part = bytes;
		while (!copy_part(space, gva, kernel, part, kind))
			if (fault(space, gva, kind))
				return -EFAULT;
		bytes -= part;
		if (!bytes)
			return 0;
		gva += part;
		kernel = (uint8_t *)kernel + part;
	}
}

int user_read(void *to, uint64_t from_gva, size_t bytes)
{
	return copy(task_this()->space, from_gva, to, bytes, COPY_IN);
}

int user_write(uint64_t to_gva, const void *from, size_t bytes)
{
	return copy(task_this()->space, to_gva, (void *)from, bytes, COPY_OUT);
}

int user_zero(uint64_t to_gva, size_t bytes)
{
	return copy(task_this()->space, to_gva, (void *)DIRECT_BASE, bytes, COPY_ZEROES);
}

int space_peek(struct space *space, void *to, uint64_t from_gva, size_t bytes)
{
	return copy(space, from_gva, to, bytes, COPY_IN);
}

int space_poke(struct space *space, uint64_t to_gva, const void *from, size_t bytes)
{
	return copy(space, to_gva, (void *)from, bytes, COPY_POKE);
}

int64_t user_read_string(char *to, uint64_t from_gva, size_t size)
{
	size_t length = 0;

	while (length < size) {
		size_t part = PAGE_BYTES - from_gva % PAGE_BYTES;

		part = part > size - length ? size - length : part;
		part = part > 64 ? 64 : part; /* most are short */
		if (user_read(to + length, from_gva, part))
			return -EFAULT;
		for (const size_t end = length + part; length < end; length++)
			if (!to[length])
				return (int64_t)length;
		from_gva += part;
	}
	return -ENAMETOOLONG;
}

int user_load32(uint64_t gva, uint32_t *value)
{
	return gva % 4 ? -EFAULT : user_read(value, gva, sizeof(*value));
}

int user_exchange32(uint64_t gva, uint32_t expected, uint32_t desired, uint32_t *old)
{
	struct space *space = task_this()->space;

	if (!space || gva % 4 || gva >= USER_END)
		return -EFAULT;
	for (;;) {
		const uint64_t flags = spin_lock(&space->tables);
		uint32_t *word = (uint32_t *)locate(space, gva, COPY_OUT);

		*old = expected;
		if (word) /* on failure *old is what was there */
			__atomic_compare_exchange_n(word, old, desired, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST);
		spin_unlock(&space->tables, flags);
		if (word)
			return 0;
		if (space_fault(space, gva, SPACE_WRITE))
			return -EFAULT;
	}
}

int user_futex_key(uint64_t gva, int shared, struct futex_key *key)
{
	struct space *space = task_this()->space;
	const struct vm_area *area;
	uint32_t value;

	if (gva % 4 || gva >= USER_END)
		return -EFAULT;
	*key = (struct futex_key){space, gva};
	if (!shared)
		return 0;
	if (user_read(&value, gva, sizeof(value)))
		return -EFAULT;
	mutex_lock(&space->lock);
	area = area_find(space, gva);
	if (area && gva >= area->start_gva && area_is_shared(area) && area->cache)
		*key = (struct futex_key){area->cache,
					  area_index(area, gva) * PAGE_BYTES + gva % PAGE_BYTES};
	mutex_unlock(&space->lock);
	return 0;
}
