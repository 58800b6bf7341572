/* SPDX-License-Identifier: MIT
 *
 * Resource limits of the running process that are about memory.
 */
#ifndef GUEST_MM_LIMITS_H
#define GUEST_MM_LIMITS_H

#include "guest/mm/space.h"
#include "guest/proc/process.h"

static inline uint64_t limit_of(enum limit_kind kind)
{
	return process_this()->limits[kind].soft;
}

/* RLIMIT_AS: whether areas may get larger by so many pages. */
static inline bool limit_permits_pages(const struct space *space, uint64_t pages)
{
	return space->mapped_pages + pages <= limit_of(RLIMIT_AS) / PAGE_BYTES;
}

/* RLIMIT_MEMLOCK. */
static inline bool limit_permits_locked(const struct space *space, uint64_t pages)
{
	return process_is_root() ||
	       space->locked_pages + pages <= limit_of(RLIMIT_MEMLOCK) / PAGE_BYTES;
}

#endif
