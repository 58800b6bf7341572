/* SPDX-License-Identifier: MIT
 *
 * The running program's memory. The kernel never uses a user address: it looks pages up (faulting as
 * needed, so these may sleep) and goes through the direct map; SMAP needs no exceptions.
 */
#ifndef GUEST_MM_USER_H
#define GUEST_MM_USER_H

#include <stddef.h>
#include <stdint.h>

/* 0 or -EFAULT; part may have been copied then. */
int user_read(void *to, uint64_t from_gva, size_t bytes);
int user_write(uint64_t to_gva, const void *from, size_t bytes);
int user_zero(uint64_t to_gva, size_t bytes);

/* A string with its NUL into size bytes: its length without it, -EFAULT, or -ENAMETOOLONG. */
int64_t user_read_string(char *to, uint64_t from_gva, size_t size);

/* One aligned 32-bit word, atomically; for futexes. 0, or -EFAULT. *old is what was there; exchange
 * stores desired if that equals expected. */
int user_load32(uint64_t gva, uint32_t *value);
int user_exchange32(uint64_t gva, uint32_t expected, uint32_t desired, uint32_t *old);

/* What names a futex: the frame and the offset for shared memory, the space and the address else. */
struct futex_key {
	const void *of;
	uint64_t at;
};
/* 0 or -EFAULT. */
int user_futex_key(uint64_t gva, int shared, struct futex_key *key);

#endif
