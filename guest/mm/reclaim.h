/* SPDX-License-Identifier: MIT
 *
 * Getting memory back: clean pages of files first, then pages to swap, then a process is killed.
 */
#ifndef GUEST_MM_RECLAIM_H
#define GUEST_MM_RECLAIM_H

#include <stdbool.h>

#include "guest/mm/page.h"

/* Starts the kernel threads for reclaim and write-back. Once, when there are processes. */
void reclaim_start(void);

/* Memory is getting short: lets the kernel thread work. From any context. */
void reclaim_wake(void);

/* A file became dirty: the other kernel thread is to look after it, in time. */
void write_back_wake(void);

/* What is dirty for so long is written: by vm.dirty_expire_centisecs. */
extern uint64_t write_back_after_ns;

/* What reclaim_wake() asks for, at once, for a request that failed; effort counts from 0. false: it is hopeless. */
bool reclaim_for(unsigned order, unsigned effort);

/* Whether the running task frees memory by going on: a victim of the OOM killer, or reclaim itself. */
bool reclaim_may_use_reserve(void);

/* Puts a page of the page cache into the LRU lists, or takes it out of them. */
void reclaim_add(struct page *page);
void reclaim_remove(struct page *page);

/* Every page of a file that is neither dirty, nor mapped, nor in use leaves the cache. */
void reclaim_drop_clean(void);

#endif
