/* SPDX-License-Identifier: MIT
 *
 * Memory of the network, within limits. net_lock is held.
 */
#ifndef GUEST_NET_MEMORY_H
#define GUEST_NET_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For lwIP. Not zeroed, but for net_calloc(). NULL: no memory, or too much of it is the network's already. */
void *net_malloc(size_t bytes);
void *net_calloc(size_t count, size_t bytes);
void net_free(void *object);

/* memcpy() into a segment that is to be sent: from is kernel memory, or the running program's. */
void *net_fill(void *to, const void *from, size_t bytes);

/* Counts pages that packets keep; false: they would be too many. */
bool net_memory_take(uint64_t bytes);
void net_memory_give(uint64_t bytes);

#endif
