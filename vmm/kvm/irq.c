/* SPDX-License-Identifier: MIT
 *
 * Interrupt controllers: all of them in KVM, or LAPICs in KVM and the IOAPIC ours (split).
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "dev/ioapic.h"
#include "kvm/vm_internal.h"

static void kernel_set_level(void *irqchip, unsigned gsi, bool level)
{
	struct vm *vm = irqchip;
	struct kvm_irq_level line = {.irq = gsi, .level = level};

	ioctl(vm->fd, KVM_IRQ_LINE, &line); /* fails for no gsi of the board table */
}

struct irq_line vm_irq_line(struct vm *vm, unsigned gsi)
{
	if (vm->setup.split_irqchip)
		return (struct irq_line){ioapic_set_level, vm->ioapic, gsi};
	return (struct irq_line){kernel_set_level, vm, gsi};
}

static void send_msi(void *ctx, uint64_t address, uint32_t data)
{
	struct vm *vm = ctx;
	struct kvm_msi msi = {.address_lo = (uint32_t)address,
			      .address_hi = (uint32_t)(address >> 32),
			      .data = data};

	ioctl(vm->fd, KVM_SIGNAL_MSI, &msi); /* no such LAPIC: lost, as on the bus */
}

/* KVM learns from MSI routes which vectors are level-triggered, so that their EOI exits to us. */
static void update_routes(void *ctx, const struct ioapic_route route[IOAPIC_PIN_COUNT])
{
	wiring_set_ioapic_routes(ctx, route);
}

void vm_connect_ioapic(struct vm *vm, struct device *ioapic)
{
	const struct ioapic_backend backend = {
		.send_msi = send_msi, .update_routes = update_routes, .ctx = vm};

	vm->ioapic = ioapic;
	ioapic_connect(ioapic, &backend);
}

void irq_end_of_interrupt(struct vm *vm, uint8_t vector)
{
	if (vm->ioapic)
		ioapic_eoi(vm->ioapic, vector);
}

int irq_setup(struct vm *vm)
{
	struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {IOAPIC_PIN_COUNT}};

	if (vm->setup.split_irqchip)
		return kvm_setup_ioctl(vm, vm->fd, KVM_ENABLE_CAP, &split);
	return kvm_setup_ioctl(vm, vm->fd, KVM_CREATE_IRQCHIP, NULL);
}
