/* SPDX-License-Identifier: MIT
 *
 * All processors: which there are, waking them, counting them.
 */
#ifndef GUEST_ARCH_SMP_H
#define GUEST_ARCH_SMP_H

#include <stdint.h>

/* Gives the running processor number 0 and the others the numbers that follow. Once. */
void smp_init(uint32_t boot_apic_id);

/* Wakes all others; they come up while we go on. */
void smp_start(void);

/* Waits until all are up, at most about limit_ns. Returns how many are. */
unsigned smp_wait(uint64_t limit_ns);

unsigned smp_online_count(void);

/* The first 64 CPUs that are up, one bit each. */
uint64_t smp_online_mask(void);

#endif
