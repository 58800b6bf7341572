/* SPDX-License-Identifier: MIT
 *
 * Device registers in the address space.
 */
#ifndef GUEST_MM_MMIO_H
#define GUEST_MM_MMIO_H

#include <stdint.h>

/* Maps [gpa, gpa + bytes) uncached, for good. NULL: no room or no memory for page tables. */
volatile void *mmio_map(uint64_t gpa, uint64_t bytes);

#endif
