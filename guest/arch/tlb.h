/* SPDX-License-Identifier: MIT
 *
 * Forgetting translations, here and on the other CPUs that may have them.
 */
#ifndef GUEST_ARCH_TLB_H
#define GUEST_ARCH_TLB_H

#include <stdint.h>

struct space;

/* At boot. */
void tlb_init(void);

/* [start, end) of a user space, on every CPU of space->running_on (no other one knows anything of it); many
 * pages: all of it. Returns when all have done so. Interrupts and spinlocks don't matter. */
void tlb_flush_range(struct space *space, uint64_t start_gva, uint64_t end_gva);

/* Part of the kernel's half, everywhere. */
void tlb_flush_kernel(uint64_t start_gva, uint64_t end_gva);

/* Does what another CPU asks of this one; for loops that wait with interrupts off. */
void tlb_serve(void);

#endif
