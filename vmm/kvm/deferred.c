/* SPDX-License-Identifier: MIT
 *
 * Writes that wait: KVM keeps guest writes to some ports in a ring (KVM_CAP_COALESCED_PIO) and goes on
 * running the guest. They are given to the bus, in their order, before anything else that an exit brings,
 * or when a device asks for them. What a string instruction wrote to one port goes there as one string.
 *
 *     guest OUT ──▶ ring (a page beside kvm_run; KVM moves last, we move first) ──▶ bus_write()
 *
 * A full ring exits as if there were none. The order holds between all that one vCPU does.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm/vm_internal.h"

#define RING_PAGE_BYTES 4096
#define RING_SLOTS                                                    \
	((RING_PAGE_BYTES - sizeof(struct kvm_coalesced_mmio_ring)) / \
	 sizeof(struct kvm_coalesced_mmio))

/* Behind kvm_run, at the page that KVM names. NULL: this KVM has none. */
static struct kvm_coalesced_mmio_ring *find_ring(struct vm *vm)
{
	int page = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);
	struct vcpu *vcpu = &vm->vcpu[0];

	if (page <= 0 || ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_PIO) <= 0 ||
	    vcpu->run_bytes < (size_t)(page + 1) * RING_PAGE_BYTES)
		return NULL;
	return (void *)((uint8_t *)vcpu->run + (size_t)page * RING_PAGE_BYTES);
}

static int change_zone(struct vm *vm, unsigned long request, uint16_t port, unsigned count)
{
	struct kvm_coalesced_mmio_zone zone = {.addr = port, .size = count, .pio = 1};

	return ioctl(vm->fd, request, &zone) < 0 ? -errno : 0;
}

int deferred_add(void *kvm, uint16_t port, unsigned count)
{
	struct vm *vm = kvm;

	if (!vm->deferred)
		vm->deferred = find_ring(vm);
	return vm->deferred ? change_zone(vm, KVM_REGISTER_COALESCED_MMIO, port, count) : -ENOTSUP;
}

int deferred_remove(void *kvm, uint16_t port, unsigned count)
{
	return change_zone(kvm, KVM_UNREGISTER_COALESCED_MMIO, port, count);
}

/* How many writes from `first` on are to the same port, of the same width. */
static unsigned count_alike(const struct kvm_coalesced_mmio_ring *ring, uint32_t first,
			    uint32_t last)
{
	const struct kvm_coalesced_mmio *write = &ring->coalesced_mmio[first];
	unsigned count = 0;

	for (; first != last; first = (first + 1) % RING_SLOTS, count++)
		if (ring->coalesced_mmio[first].phys_addr != write->phys_addr ||
		    ring->coalesced_mmio[first].len != write->len)
			break;
	return count;
}

/* True: the device took them as one. */
static bool deliver_string(struct vm *vm, const struct kvm_coalesced_mmio_ring *ring,
			   uint32_t first, unsigned count)
{
	const struct kvm_coalesced_mmio *write = &ring->coalesced_mmio[first];
	uint8_t data[RING_SLOTS * sizeof(write->data)];
	uint32_t width = write->len;

	for (unsigned i = 0; i < count; i++)
		memcpy(data + (size_t)i * width,
		       ring->coalesced_mmio[(first + i) % RING_SLOTS].data, width);
	return bus_write_string(vm->setup.bus, BUS_PIO, write->phys_addr, width, data, count);
}

/* The write at `first`, or all like it that follow; returns the slot behind. */
static uint32_t deliver(struct vm *vm, const struct kvm_coalesced_mmio_ring *ring, uint32_t first,
			uint32_t last)
{
	const struct kvm_coalesced_mmio *write = &ring->coalesced_mmio[first];
	unsigned count = count_alike(ring, first, last);
	uint64_t value;

	if (count > 1 && deliver_string(vm, ring, first, count))
		return (first + count) % RING_SLOTS;
	memcpy(&value, write->data, sizeof(value)); /* the bus takes its low bytes */
	bus_write(vm->setup.bus, BUS_PIO, write->phys_addr, write->len, value);
	return (first + 1) % RING_SLOTS;
}

/* Only what is there at the beginning: other vCPUs may go on writing for ever. first moves when the bus has
 * them, so that who finds the ring empty knows them done. */
static void flush(struct vm *vm)
{
	struct kvm_coalesced_mmio_ring *ring = vm->deferred;
	uint32_t first, last;

	pthread_mutex_lock(&vm->deferred_lock);
	first = ring->first;
	/* acquire: pairs with KVM's barrier between an entry and last */
	last = __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE);
	while (first != last && first < RING_SLOTS && last < RING_SLOTS) {
		first = deliver(vm, ring, first, last);
		/* release: pairs with KVM's look at first before it reuses a slot, and with ours below */
		__atomic_store_n(&ring->first, first, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&vm->deferred_lock);
}

void deferred_flush(void *kvm)
{
	struct vm *vm = kvm;
	struct kvm_coalesced_mmio_ring *ring = vm->deferred;

	if (ring && __atomic_load_n(&ring->first, __ATOMIC_ACQUIRE) !=
			    __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE))
		flush(vm);
}
