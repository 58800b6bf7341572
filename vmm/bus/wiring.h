/* SPDX-License-Identifier: MIT
 *
 * Short cuts between guest and device that need no exit to userspace: doorbells (ioeventfds), interrupts
 * by eventfd (irqfds), message-signalled interrupts, and registers that are memory (a read-only slot).
 * KVM does them (kvm/wiring.c); devices see this table of functions, and tests give them another.
 *
 * All functions may be called from any thread, also while vCPUs run. They return 0 or -errno.
 */
#ifndef VITRINE_BUS_WIRING_H
#define VITRINE_BUS_WIRING_H

#include <stddef.h>
#include <stdint.h>

enum bus_space;

struct wiring {
	/* fd is signalled by a guest's write to addr instead of an exit. width 0: of any width, whatever the
	 * value (KVM's fast path); else only that width, and only that value. */
	int (*add_doorbell)(void *kvm, enum bus_space space, uint64_t addr, unsigned width,
			    uint64_t value, int fd);
	int (*remove_doorbell)(void *kvm, enum bus_space space, uint64_t addr, unsigned width,
			       uint64_t value, int fd);

	/* A write to fd pulses an input of the IOAPIC: edge-triggered interrupts. */
	int (*add_irqfd)(void *kvm, unsigned gsi, int fd);
	int (*remove_irqfd)(void *kvm, unsigned gsi, int fd);

	/* A GSI of its own for one message; >= 0 is the GSI. It is bound to a message by set_msi(), and
	 * to an eventfd by add_irqfd(). -ENOSPC: there are no more. */
	int (*add_msi)(void *kvm);
	int (*set_msi)(void *kvm, int gsi, uint64_t address, uint32_t data);
	int (*remove_msi)(void *kvm, int gsi);

	/* Guest reads of [gpa, gpa + size) come straight from hva; its writes go to the bus as before.
	 * Page-aligned. Lasts as long as the VM. */
	int (*add_readonly_memory)(void *kvm, uint64_t gpa, void *hva, size_t size_bytes);

	/* Guest writes to these ports cost no exit to userspace and come later: in their order, before whatever
	 * exit the same vCPU has next, and with flush_deferred(). For registers whose writes have no effect
	 * before another register is used. -ENOTSUP: this KVM can't; then all is as ever. */
	int (*add_deferred)(void *kvm, uint16_t port, unsigned count);
	int (*remove_deferred)(void *kvm, uint16_t port, unsigned count);
	void (*flush_deferred)(void *kvm); /* no device's lock held */

	void *kvm;
};

#endif
