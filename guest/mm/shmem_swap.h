/* SPDX-License-Identifier: MIT
 *
 * Pages of caches for which memory is the only place (shared memory, tmpfs) can be in swap: the tree then
 * has a number with bit 0 set in place of the page.
 */
#ifndef GUEST_MM_SHMEM_SWAP_H
#define GUEST_MM_SHMEM_SWAP_H

#include "guest/mm/cache.h"
#include "guest/mm/swap.h"

static inline bool shmem_is_swapped(const struct page *in_tree)
{
	return (uint64_t)in_tree & 1;
}

/* What was in the tree is no more; its lock is held. */
static inline void shmem_forget(const struct page *in_tree)
{
	swap_entry_put((uint64_t)in_tree & ~1ull);
}

/* Reads the page at index back if it is in swap. 0 or -errno. */
int shmem_swap_in(struct page_cache *cache, uint64_t index);

/* Writes a locked, unmapped page of such a cache to swap and takes it out of the cache. The caller has a
 * reference. false: it stays. */
bool shmem_swap_out(struct page *page);

#endif
