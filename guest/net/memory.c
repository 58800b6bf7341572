/* SPDX-License-Identifier: MIT
 *
 * lwIP's memory: small objects from the slabs, buffers from the page allocator without being zeroed. What the
 * network may take is bounded, so that packets can't starve programs; beyond that packets are dropped.
 */
#include "guest/net/memory.h"

#include "guest/board/machine.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/mm/slab.h"

#define SMALL_MAX 2048
#define SHARE_OF_RAM 8
#define SMALL_TYPICAL 512 /* bytes, for the limit of their number */

static uint64_t small_count, large_bytes; /* guarded by net_lock */

static bool is_large(const void *object)
{
	return !((uint64_t)object % PAGE_BYTES) &&
	       !(page_of((uint64_t)object - DIRECT_BASE)->flags & PAGE_SLAB);
}

bool net_memory_take(uint64_t bytes)
{
	if (large_bytes + bytes > machine.ram_bytes / SHARE_OF_RAM)
		return false;
	large_bytes += bytes;
	return true;
}

void net_memory_give(uint64_t bytes)
{
	large_bytes -= bytes;
}

static void *allocate_large(size_t bytes)
{
	struct page *block;
	unsigned order = 0;

	while ((size_t)PAGE_BYTES << order < bytes)
		order++;
	if (order > PAGE_ORDER_MAX || !net_memory_take((uint64_t)PAGE_BYTES << order))
		return NULL;
	block = page_alloc(order, PAGE_ATOMIC);
	if (!block) {
		net_memory_give((uint64_t)PAGE_BYTES << order);
		return NULL;
	}
	page_count(slab, 1ull << order);
	return page_data(block);
}

void *net_malloc(size_t bytes)
{
	void *object;

	if (bytes > SMALL_MAX)
		return allocate_large(bytes);
	if (small_count >= machine.ram_bytes / SHARE_OF_RAM / SMALL_TYPICAL)
		return NULL;
	object = kmalloc(bytes);
	small_count += object != NULL;
	return object;
}

void *net_calloc(size_t count, size_t bytes)
{
	void *object = net_malloc(count * bytes); /* both lwIP's constants */

	return object ? memset(object, 0, count * bytes) : NULL;
}

void net_free(void *object)
{
	if (!object)
		return;
	if (is_large(object))
		net_memory_give((uint64_t)PAGE_BYTES
				<< page_of((uint64_t)object - DIRECT_BASE)->order);
	else
		small_count--;
	kfree(object);
}
