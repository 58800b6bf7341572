/* SPDX-License-Identifier: MIT
 *
 * Small objects: caches of one size each, and kmalloc() over caches of powers of two. From any context
 * that may take a spinlock; never sleeps.
 */
#ifndef GUEST_MM_SLAB_H
#define GUEST_MM_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slab_cache;

/* A new cache, for good; name stays the caller's. align: a power of two, or 0. Panics without memory. */
struct slab_cache *slab_cache_create(const char *name, size_t bytes, size_t align);

/* An object of zeroes, or NULL. */
void *slab_alloc(struct slab_cache *cache);
void slab_free(struct slab_cache *cache, void *object);

/* At least this many bytes of zeroes, aligned to 16, or NULL. Above a page it takes whole blocks. */
void *kmalloc(size_t bytes);
/* NULL is allowed. */
void kfree(void *object);

struct slab_stats {
	const char *name;
	size_t object_bytes;
	uint64_t used, total, pages;
};
/* The index-th cache. false: there are fewer. For /proc/slabinfo. */
bool slab_stats_read(unsigned index, struct slab_stats *stats);

#endif
