/* SPDX-License-Identifier: MIT
 *
 * I/O APIC of the split irqchip: 24 pins, one MMIO window of 4 KiB. Intel 82093AA data sheet, plus the
 * EOI register of version 0x20. It knows nothing of KVM: what leaves it goes through ioapic_backend.
 *
 * Locks. The pins have a lock of their own, innermost of all: whoever holds it calls nothing but
 * send_msi(). ioapic_set_level() and ioapic_eoi() take that lock and never dev->lock, so a device may
 * raise a line with its own lock held while a vCPU is in the middle of a write to this IOAPIC.
 */
#ifndef VITRINE_DEV_IOAPIC_H
#define VITRINE_DEV_IOAPIC_H

#include "bus/device.h"

#define IOAPIC_PIN_COUNT 24
#define IOAPIC_WINDOW_BYTES 0x1000

/* What one pin sends when it fires, as an MSI. Level is bit 15 of data too. An irqchip leaves out
 * masked edge pins; level ones stay in: what is still in service wants its EOI. */
struct ioapic_route {
	uint64_t address;
	uint32_t data;
	bool level; /* its vector's EOI must come back through ioapic_eoi() */
	bool masked;
};

struct ioapic_backend {
	/* Any thread, the IOAPIC's inner lock held: may not take a device's lock nor call back. */
	void (*send_msi)(void *ctx, uint64_t address, uint32_t data);
	/* Some redirection entry now routes differently. A vCPU's thread, dev->lock held, inner lock
	 * not. Comes before the first interrupt that follows the new route. May be NULL. */
	void (*update_routes)(void *ctx, const struct ioapic_route route[IOAPIC_PIN_COUNT]);
	void *ctx;
};

extern const struct device_ops ioapic_ops;

/* Once, before vCPUs run; the struct is copied. Without it the IOAPIC stays mute. */
void ioapic_connect(struct device *dev, const struct ioapic_backend *backend);

/* The level of an input, in the shape of irq_line.set_level: ioapic is the struct device. Any thread, any
 * lock but the inner one held. Pins behind the last are ignored. */
void ioapic_set_level(void *ioapic, unsigned gsi, bool level);

/* A CPU has finished with a level-triggered interrupt (KVM_EXIT_IOAPIC_EOI). Any thread. */
void ioapic_eoi(struct device *dev, uint8_t vector);

#endif
