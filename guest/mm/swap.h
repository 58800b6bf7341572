/* SPDX-License-Identifier: MIT
 *
 * Pages of programs on a block device, in slots of a page each (slot 0 is mkswap's header). A slot is kept
 * by a count of the page table entries that name it, and while its page is in memory too, by that page: it
 * is then in the swap cache (PAGE_SWAP, index = slot).
 */
#ifndef GUEST_MM_SWAP_H
#define GUEST_MM_SWAP_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/mm/page.h"
#include "guest/mm/space.h"

static inline uint64_t swap_entry(uint64_t slot)
{
	return slot * PAGE_BYTES;
}

/* One more entry, or one less, names the same slot. space->tables may be held. */
void swap_entry_get(uint64_t entry);
void swap_entry_put(uint64_t entry);

/* The page that entry stands for, up to date, with a reference, from the swap cache or from disk. NULL and
 * *error: -ENOMEM or -EIO. May sleep. */
struct page *swap_read(uint64_t entry, int *error);

/* Puts an anonymous page into the swap cache, if it isn't there: its entry, or 0: swap is full, or there is
 * none. The caller's table entry is counted. Never sleeps. */
uint64_t swap_add(struct page *page);

/* Takes a page out of the swap cache that no entry names any more, or whose only user is about to change
 * it. false: it stays, for it has other users, or is being written. Never sleeps. */
bool swap_release(struct page *page);

/* Writes a page of the swap cache to its slot if it was not there yet. 0 or -EIO. May sleep. */
int swap_write(struct page *page);

/* Takes a written page out of the swap cache for which the caller has the only other reference; the slot
 * stays with the entries that name it. */
void swap_drop(struct page *page);

/* Frees up to so many pages that are in the swap cache only: how many. Never sleeps. */
unsigned swap_shrink(unsigned want);

/* A slot of one's own, outside of the swap cache: its entry, or 0. swap_entry_put() gives it back. */
uint64_t swap_take_slot(void);

/* Reads or writes the page of a slot. 0 or -EIO. Sleeps. */
int swap_transfer(uint64_t entry, struct page *page, bool write);

struct file;
struct inode;

/* swapon(2): file (whose reference it takes if it succeeds) is a device or file with a header as mkswap(8)
 * writes it. 0; -EINVAL: it has none; -EBUSY: one is in use; -ENOMEM. */
int swap_on(struct file *file);

/* swapoff(2): reads all pages back. 0; -EINVAL: inode is not what is in use; -ENOMEM: no room for them;
 * -EBUSY: pages of shared memory are in it. */
int swap_off(const struct inode *inode);

/* Steps of that: no more slots are given out; then, if done and no slot is used, the file comes back for the
 * caller to put. NULL: swap goes on. */
int swap_close_begin(const struct inode *inode);
struct file *swap_close_end(bool done);

#endif
