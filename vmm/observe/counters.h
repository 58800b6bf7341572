/* SPDX-License-Identifier: MIT
 *
 * Counters that are always on: plain increments in memory of the vCPU that exits. Read by others
 * only when the vCPU stands, or as a snapshot that may be one exit behind.
 */
#ifndef VITRINE_OBSERVE_COUNTERS_H
#define VITRINE_OBSERVE_COUNTERS_H

#include <stdint.h>

/* Exits to userspace by reason; the names users see stand in exit_reason_name(). */
enum exit_reason {
	EXIT_PIO_READ,
	EXIT_PIO_WRITE,
	EXIT_MMIO_READ,
	EXIT_MMIO_WRITE,
	EXIT_HYPERCALL, /* VMM entry of the hypercall page */
	EXIT_HLT,
	EXIT_SHUTDOWN,	 /* triple fault */
	EXIT_IOAPIC_EOI, /* split irqchip only */
	EXIT_DEBUG,
	EXIT_INTERRUPTED, /* a signal: kick, timer */
	EXIT_SYSTEM_EVENT,
	EXIT_FAIL_ENTRY,
	EXIT_INTERNAL_ERROR,
	EXIT_OTHER,
	EXIT_REASON_COUNT
};

struct vcpu_counters {
	uint64_t exits[EXIT_REASON_COUNT];
	uint64_t unmapped_reads; /* PIO and MMIO where no device is */
	uint64_t unmapped_writes;
	uint64_t rom_writes;
};

/* "pio-read", "mmio-write", … */
const char *exit_reason_name(enum exit_reason reason);

#endif
