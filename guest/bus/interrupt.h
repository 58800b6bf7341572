/* SPDX-License-Identifier: MIT
 *
 * Interrupts of devices: several may share one vector, and each has a context.
 */
#ifndef GUEST_BUS_INTERRUPT_H
#define GUEST_BUS_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

/* Lives as long as the kernel. handle() runs with interrupts off, on the boot processor. */
struct interrupt {
	void (*handle)(void *context);
	void *context;
	struct interrupt *next; /* the list's */
};

/* Joins those of an IOAPIC input. false: there is no such input. */
bool interrupt_listen_gsi(struct interrupt *interrupt, unsigned gsi, bool level);

/* Takes a vector of its own, for MSI. 0: none is left. */
unsigned interrupt_listen_message(struct interrupt *interrupt);

/* For /proc/interrupts: how often vector came to devices, and what it is. */
uint64_t interrupt_count(unsigned vector);
const char *interrupt_describe(unsigned vector);

#endif
