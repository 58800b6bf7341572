/* SPDX-License-Identifier: MIT
 *
 * Short cuts between guest and devices: ioeventfds, irqfds, MSI routes, read-only memory slots. See
 * bus/wiring.h.
 *
 * KVM's routing table is replaced as a whole: this file has the only copy of it.
 *
 *     GSI 0–23    pins of the IOAPIC (below 16 of the 8259s, too); with a split irqchip what our IOAPIC says
 *     GSI 24–     MSIs, one each
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm/vm_internal.h"

#define FIRST_MSI_GSI IOAPIC_PIN_COUNT
#define MSI_ROUTE_MAX 1024
#define PIC_PINS 8

static int vm_call(struct vm *vm, unsigned long request, void *argument)
{
	return ioctl(vm->fd, request, argument) < 0 ? -errno : 0;
}

static int set_doorbell(struct vm *vm, enum bus_space space, uint64_t addr, unsigned width,
			uint64_t value, int fd, uint32_t flags)
{
	struct kvm_ioeventfd doorbell = {.addr = addr, .len = width, .fd = fd, .flags = flags};

	if (space == BUS_PIO)
		doorbell.flags |= KVM_IOEVENTFD_FLAG_PIO;
	if (width) {
		doorbell.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
		doorbell.datamatch = value;
	}
	return vm_call(vm, KVM_IOEVENTFD, &doorbell);
}

static int add_doorbell(void *kvm, enum bus_space space, uint64_t addr, unsigned width,
			uint64_t value, int fd)
{
	return set_doorbell(kvm, space, addr, width, value, fd, 0);
}

static int remove_doorbell(void *kvm, enum bus_space space, uint64_t addr, unsigned width,
			   uint64_t value, int fd)
{
	return set_doorbell(kvm, space, addr, width, value, fd, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

static int add_irqfd(void *kvm, unsigned gsi, int fd)
{
	struct kvm_irqfd irqfd = {.fd = (uint32_t)fd, .gsi = gsi};

	return vm_call(kvm, KVM_IRQFD, &irqfd);
}

static int remove_irqfd(void *kvm, unsigned gsi, int fd)
{
	struct kvm_irqfd irqfd = {.fd = (uint32_t)fd, .gsi = gsi, .flags = KVM_IRQFD_FLAG_DEASSIGN};

	return vm_call(kvm, KVM_IRQFD, &irqfd);
}

static void add_pin(struct kvm_irq_routing *table, unsigned gsi, unsigned chip, unsigned pin)
{
	table->entries[table->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = {.irqchip = chip, .pin = pin},
	};
}

static void add_message(struct kvm_irq_routing *table, unsigned gsi, uint64_t address,
			uint32_t data)
{
	table->entries[table->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = {.address_lo = (uint32_t)address,
			  .address_hi = (uint32_t)(address >> 32),
			  .data = data},
	};
}

/* As KVM has it by itself when it makes its controllers. */
static void add_kernel_pins(struct kvm_irq_routing *table)
{
	for (unsigned gsi = 0; gsi < IOAPIC_PIN_COUNT; gsi++) {
		if (gsi < PIC_PINS)
			add_pin(table, gsi, KVM_IRQCHIP_PIC_MASTER, gsi);
		else if (gsi < 2 * PIC_PINS)
			add_pin(table, gsi, KVM_IRQCHIP_PIC_SLAVE, gsi - PIC_PINS);
		add_pin(table, gsi, KVM_IRQCHIP_IOAPIC, gsi);
	}
}

static void add_split_pins(const struct vm *vm, struct kvm_irq_routing *table)
{
	for (unsigned gsi = 0; gsi < IOAPIC_PIN_COUNT; gsi++) {
		const struct ioapic_route *route = &vm->ioapic_route[gsi];

		/* a masked level-triggered pin must still make its EOI known */
		if (route->address && (!route->masked || route->level))
			add_message(table, gsi, route->address, route->data);
	}
}

/* routing_lock held. */
static int set_routing(struct vm *vm)
{
	size_t most = IOAPIC_PIN_COUNT + 2 * PIC_PINS + vm->msi_route_count;
	struct kvm_irq_routing *table = calloc(
		1, sizeof(*table) + most * sizeof(struct kvm_irq_routing_entry));
	int err;

	if (!table)
		return -ENOMEM;
	if (vm->setup.split_irqchip)
		add_split_pins(vm, table);
	else
		add_kernel_pins(table);
	for (unsigned i = 0; i < vm->msi_route_count; i++)
		if (vm->msi_route[i].bound)
			add_message(table, FIRST_MSI_GSI + i, vm->msi_route[i].address,
				    vm->msi_route[i].data);
	err = vm_call(vm, KVM_SET_GSI_ROUTING, table);
	free(table);
	return err;
}

void wiring_set_ioapic_routes(struct vm *vm, const struct ioapic_route route[IOAPIC_PIN_COUNT])
{
	pthread_mutex_lock(&vm->routing_lock);
	memcpy(vm->ioapic_route, route, sizeof(vm->ioapic_route));
	set_routing(vm);
	pthread_mutex_unlock(&vm->routing_lock);
}

/* Room for one more route; routing_lock held. Its index, or -errno. */
static int find_route(struct vm *vm)
{
	unsigned i = 0;

	while (i < vm->msi_route_count && vm->msi_route[i].taken)
		i++;
	if (i == MSI_ROUTE_MAX)
		return -ENOSPC;
	if (i == vm->msi_route_count) {
		struct msi_route *grown = realloc(vm->msi_route, (i + 1) * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		vm->msi_route = grown;
		vm->msi_route_count++;
	}
	vm->msi_route[i] = (struct msi_route){.taken = true};
	return (int)i;
}

static int add_msi(void *kvm)
{
	struct vm *vm = kvm;
	int index;

	pthread_mutex_lock(&vm->routing_lock);
	index = find_route(vm);
	pthread_mutex_unlock(&vm->routing_lock);
	return index < 0 ? index : FIRST_MSI_GSI + index;
}

static int set_msi(void *kvm, int gsi, uint64_t address, uint32_t data)
{
	struct vm *vm = kvm;
	struct msi_route *route;
	struct msi_route before;
	int err;

	pthread_mutex_lock(&vm->routing_lock);
	route = &vm->msi_route[gsi - FIRST_MSI_GSI];
	before = *route;
	*route = (struct msi_route){.taken = true, .bound = true, .address = address, .data = data};
	err = set_routing(vm);
	if (err)
		*route = before; /* or no table would be taken any more */
	pthread_mutex_unlock(&vm->routing_lock);
	return err;
}

static int remove_msi(void *kvm, int gsi)
{
	struct vm *vm = kvm;

	pthread_mutex_lock(&vm->routing_lock);
	vm->msi_route[gsi - FIRST_MSI_GSI] = (struct msi_route){.taken = false};
	pthread_mutex_unlock(&vm->routing_lock);
	return 0;
}

static int add_readonly_memory(void *kvm, uint64_t gpa, void *hva, size_t size_bytes)
{
	struct vm *vm = kvm;
	struct kvm_userspace_memory_region region = {.slot = vm->next_slot,
						     .flags = KVM_MEM_READONLY,
						     .guest_phys_addr = gpa,
						     .memory_size = size_bytes,
						     .userspace_addr = (uintptr_t)hva};
	int err = vm_call(vm, KVM_SET_USER_MEMORY_REGION, &region);

	if (!err)
		vm->next_slot++;
	return err;
}

void wiring_init(struct vm *vm)
{
	pthread_mutex_init(&vm->routing_lock, NULL);
	pthread_mutex_init(&vm->deferred_lock, NULL);
	vm->wiring = (struct wiring){
		.add_doorbell = add_doorbell,
		.remove_doorbell = remove_doorbell,
		.add_irqfd = add_irqfd,
		.remove_irqfd = remove_irqfd,
		.add_msi = add_msi,
		.set_msi = set_msi,
		.remove_msi = remove_msi,
		.add_readonly_memory = add_readonly_memory,
		.add_deferred = deferred_add,
		.remove_deferred = deferred_remove,
		.flush_deferred = deferred_flush,
		.kvm = vm,
	};
}

const struct wiring *vm_wiring(struct vm *vm)
{
	return &vm->wiring;
}
