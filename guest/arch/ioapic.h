/* SPDX-License-Identifier: MIT
 *
 * The I/O APIC that serves GSI 0 to 23 (Intel 82093AA datasheet §3).
 */
#ifndef GUEST_ARCH_IOAPIC_H
#define GUEST_ARCH_IOAPIC_H

#include <stdbool.h>

/* Maps it, and masks the two legacy PICs that may stand beside it. */
void ioapic_init(void);

/* Delivers a GSI to the boot processor as VECTOR_GSI + gsi, calling handler; active high. */
void ioapic_route(unsigned gsi, bool level, void (*handler)(unsigned vector));

#endif
