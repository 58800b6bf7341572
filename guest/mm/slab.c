/* SPDX-License-Identifier: MIT
 *
 * Slab caches: a slab is one page of objects of one size. Objects are carved off a new slab one by one, and
 * those that came back form a list through their first words, so a new slab costs nothing.
 *
 * The struct page of a slab: cache = its struct slab_cache, index = first free object, mapped = objects in
 * use, order stays 0, carved objects in the upper half of mapped; lru = in the cache's list of slabs with room.
 */
#include "guest/mm/slab.h"

#include "guest/arch/spinlock.h"
#include "guest/lib/list.h"
#include "guest/lib/panic.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"

#define CACHE_MAX 48
#define KMALLOC_SMALLEST 16
#define KMALLOC_SIZES 8 /* 16 to 2,048 */
#define CARVED_ONE 0x10000

struct slab_cache {
	const char *name;
	uint32_t bytes, per_slab;
	struct list with_room;
	uint64_t used, slabs;
	struct spinlock lock;
};

static struct slab_cache cache[CACHE_MAX];
static unsigned cache_count; /* atomic */

static void cache_setup(struct slab_cache *c, const char *name, size_t bytes)
{
	c->bytes = bytes;
	c->per_slab = PAGE_BYTES / bytes;
	list_init(&c->with_room);
	__atomic_store_n(&c->name, name, __ATOMIC_RELEASE); /* pairs with slab_stats_read() */
}

struct slab_cache *slab_cache_create(const char *name, size_t bytes, size_t align)
{
	/* The first ones are those of kmalloc(). */
	const unsigned i = KMALLOC_SIZES + __atomic_fetch_add(&cache_count, 1, __ATOMIC_RELAXED);

	if (align < 8)
		align = 8;
	bytes = (bytes + align - 1) & ~(align - 1);
	if (i >= CACHE_MAX || bytes > PAGE_BYTES)
		panic("slab cache %s of %lu bytes: too many, or too large", name, bytes);
	cache_setup(&cache[i], name, bytes);
	return &cache[i];
}

static unsigned used_of(const struct page *slab)
{
	return slab->mapped % CARVED_ONE;
}

static struct page *slab_with_room(struct slab_cache *c)
{
	struct page *slab;

	if (!list_is_empty(&c->with_room))
		return container_of(c->with_room.next, struct page, lru);
	slab = page_alloc(0, PAGE_ATOMIC);
	if (!slab)
		return NULL;
	slab->flags = PAGE_SLAB;
	slab->cache = (struct page_cache *)c;
	slab->index = 0;
	list_add_first(&c->with_room, &slab->lru);
	c->slabs++;
	page_count(slab, 1);
	return slab;
}

static void *take_object(struct slab_cache *c, struct page *slab)
{
	void *object = (void *)slab->index;

	if (object) {
		slab->index = *(uint64_t *)object;
	} else {
		object = (char *)page_data(slab) + slab->mapped / CARVED_ONE * c->bytes;
		slab->mapped += CARVED_ONE;
	}
	slab->mapped++;
	if (used_of(slab) == c->per_slab)
		list_remove(&slab->lru);
	c->used++;
	return object;
}

void *slab_alloc(struct slab_cache *c)
{
	const uint64_t flags = spin_lock(&c->lock);
	struct page *slab = slab_with_room(c);
	void *object = slab ? take_object(c, slab) : NULL;

	spin_unlock(&c->lock, flags);
	return object ? memset(object, 0, c->bytes) : NULL;
}

/* An empty slab is kept if it is the only one with room. */
static struct page *give_back(struct slab_cache *c, struct page *slab, void *object)
{
	*(uint64_t *)object = slab->index;
	slab->index = (uint64_t)object;
	if (used_of(slab) == c->per_slab)
		list_add_first(&c->with_room, &slab->lru);
	slab->mapped--;
	c->used--;
	if (used_of(slab) || c->with_room.next == c->with_room.previous)
		return NULL;
	list_remove(&slab->lru);
	c->slabs--;
	return slab;
}

void slab_free(struct slab_cache *c, void *object)
{
	struct page *slab = page_of((uint64_t)object - DIRECT_BASE), *empty;
	const uint64_t flags = spin_lock(&c->lock);

	if (!(slab->flags & PAGE_SLAB) || slab->cache != (struct page_cache *)c || !used_of(slab))
		panic("slab_free of %p, which is not in %s", object, c->name);
	empty = give_back(c, slab, object);
	spin_unlock(&c->lock, flags);
	if (!empty)
		return;
	page_count(slab, -1);
	empty->cache = NULL;
	page_put(empty);
}

static struct slab_cache *kmalloc_cache(size_t bytes)
{
	static const char *const name[KMALLOC_SIZES] = {
		"kmalloc-16",  "kmalloc-32",  "kmalloc-64",   "kmalloc-128",
		"kmalloc-256", "kmalloc-512", "kmalloc-1024", "kmalloc-2048"};
	const unsigned i = bytes <= KMALLOC_SMALLEST ? 0 : 60 - __builtin_clzl(bytes - 1);
	struct slab_cache *c = &cache[i];

	if (!c->name) {
		const uint64_t flags = spin_lock(&c->lock);

		if (!c->name)
			cache_setup(c, name[i], KMALLOC_SMALLEST << i);
		spin_unlock(&c->lock, flags);
	}
	return c;
}

void *kmalloc(size_t bytes)
{
	struct page *block;
	unsigned order = 0;

	if (bytes <= KMALLOC_SMALLEST << (KMALLOC_SIZES - 1))
		return slab_alloc(kmalloc_cache(bytes));
	while (order <= PAGE_ORDER_MAX && (size_t)PAGE_BYTES << order < bytes)
		order++;
	block = order > PAGE_ORDER_MAX ? NULL : page_alloc(order, PAGE_ATOMIC | PAGE_ZEROED);
	if (!block)
		return NULL;
	page_count(slab, 1ull << order);
	return page_data(block);
}

void kfree(void *object)
{
	struct page *page;

	if (!object)
		return;
	page = page_of((uint64_t)object - DIRECT_BASE);
	if (page->flags & PAGE_SLAB) {
		slab_free((struct slab_cache *)page->cache, object);
		return;
	}
	if ((uint64_t)object % PAGE_BYTES || page->refs != 1)
		panic("kfree of %p", object);
	page_count(slab, -(1ull << page->order));
	page_put(page);
}

bool slab_stats_read(unsigned index, struct slab_stats *stats)
{
	const struct slab_cache *c;

	if (index >= CACHE_MAX || index >= KMALLOC_SIZES + cache_count)
		return false;
	c = &cache[index];
	*stats = (struct slab_stats){0};
	stats->name = __atomic_load_n(&c->name, __ATOMIC_ACQUIRE);
	stats->object_bytes = c->bytes;
	stats->used = c->used;
	stats->pages = c->slabs;
	stats->total = c->slabs * c->per_slab;
	if (!stats->name)
		stats->name = "kmalloc"; /* a size that nobody has asked for yet */
	return true;
}
