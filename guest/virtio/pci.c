/* SPDX-License-Identifier: MIT
 *
 * virtio-pci, modern (virtio 1.2 §4.1): four areas in BARs, named by vendor capabilities; MSI-X with a
 * vector per queue, or INTx.
 */
#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/mm/mmio.h"
#include "guest/virtio/device.h"
#include "guest/virtio/options.h"

#define PRODUCT_LEGACY_NET 0x1000 /* transitional devices count on from here, §4.1.2 */
#define PRODUCT_LEGACY_END 0x1040
#define PRODUCT_END 0x1080
#define SUBSYSTEM_ID 0x2e

/* struct virtio_pci_cap, §4.1.4. */
enum { CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_NOTIFY_MULTIPLIER = 16 };

static void select(const struct virtio_device *device, unsigned queue)
{
	mmio_write16(device->common + VIRTIO_PCI_QUEUE_SELECT, queue);
}

static void set64(const struct virtio_device *device, unsigned at, uint64_t value)
{
	mmio_write32(device->common + at, (uint32_t)value);
	mmio_write32(device->common + at + 4, value >> 32);
}

static uint8_t get_status(const struct virtio_device *device)
{
	return mmio_read8(device->common + VIRTIO_PCI_STATUS);
}

static void set_status(const struct virtio_device *device, uint8_t status)
{
	mmio_write8(device->common + VIRTIO_PCI_STATUS, status);
}

static uint64_t get_features(const struct virtio_device *device)
{
	uint64_t features = 0;

	for (unsigned half = 0; half < 2; half++) {
		mmio_write32(device->common + VIRTIO_PCI_DEVICE_FEATURE_SELECT, half);
		features |= (uint64_t)mmio_read32(device->common + VIRTIO_PCI_DEVICE_FEATURE)
			    << (32 * half);
	}
	return features;
}

static void set_features(const struct virtio_device *device, uint64_t features)
{
	for (unsigned half = 0; half < 2; half++) {
		mmio_write32(device->common + VIRTIO_PCI_DRIVER_FEATURE_SELECT, half);
		mmio_write32(device->common + VIRTIO_PCI_DRIVER_FEATURE, features >> (32 * half));
	}
}

static unsigned queue_size_max(const struct virtio_device *device, unsigned index)
{
	select(device, index);
	return mmio_read16(device->common + VIRTIO_PCI_QUEUE_SIZE);
}

static void queue_enable(struct virtio_device *device, unsigned index, unsigned size,
			 const struct virtio_ring_gpas *ring)
{
	uint16_t offset;

	select(device, index);
	offset = mmio_read16(device->common + VIRTIO_PCI_QUEUE_NOTIFY_OFF);
	device->queue_notify[index] = device->notify + offset * device->notify_multiplier;
	device->queue_port[index] = device->notify_port + offset * device->notify_multiplier;
	mmio_write16(device->common + VIRTIO_PCI_QUEUE_SIZE, size);
	mmio_write16(device->common + VIRTIO_PCI_QUEUE_VECTOR,
		     index + 1 < device->msix.count ? index + 1 : VIRTIO_PCI_NO_VECTOR);
	set64(device, VIRTIO_PCI_QUEUE_DESC, ring->desc);
	set64(device, VIRTIO_PCI_QUEUE_DRIVER, ring->driver);
	set64(device, VIRTIO_PCI_QUEUE_DEVICE, ring->device);
	mmio_write16(device->common + VIRTIO_PCI_QUEUE_ENABLE, 1);
}

static void queue_reset(const struct virtio_device *device, unsigned index)
{
	select(device, index);
	mmio_write16(device->common + VIRTIO_PCI_QUEUE_RESET, 1);
}

static bool queue_is_reset(const struct virtio_device *device, unsigned index)
{
	select(device, index);
	return !mmio_read16(device->common + VIRTIO_PCI_QUEUE_RESET) &&
	       !mmio_read16(device->common + VIRTIO_PCI_QUEUE_ENABLE);
}

static void notify(const struct virtio_device *device, unsigned index)
{
	if (device->notify_port)
		io_write16(device->queue_port[index], index);
	else
		mmio_write16(device->queue_notify[index], index);
}

static uint32_t config_read(const struct virtio_device *device, unsigned offset, unsigned width)
{
	if (!device->config)
		return 0;
	switch (width) {
	case 1: return mmio_read8(device->config + offset);
	case 2: return mmio_read16(device->config + offset);
	default: return mmio_read32(device->config + offset);
	}
}

static void config_write32(const struct virtio_device *device, unsigned offset, uint32_t value)
{
	if (device->config)
		mmio_write32(device->config + offset, value);
}

static uint32_t config_generation(const struct virtio_device *device)
{
	return mmio_read8(device->common + VIRTIO_PCI_CONFIG_GENERATION);
}

static void on_line(void *context)
{
	struct virtio_device *device = context;

	if (mmio_read8(device->isr)) /* reading takes the line down, §4.1.4.5 */
		virtio_count_interrupt(device);
}

static void on_message(void *context)
{
	struct virtio_device *device = context;

	virtio_count_interrupt(device);
}

static void listen(struct virtio_device *device)
{
	unsigned entry = 1;

	device->interrupt[0] = (struct interrupt){on_line, device, NULL};
	if (virtio_options()->intx || !pci_msix_open(&device->function, &device->msix)) {
		device->msix.count = 0;
		pci_listen_line(&device->function, &device->interrupt[0]);
		return;
	}
	for (; entry <= VIRTIO_QUEUES_MAX; entry++) {
		device->interrupt[entry] = (struct interrupt){on_message, device, NULL};
		if (!pci_msix_listen(&device->msix, entry, &device->interrupt[entry]))
			break;
	}
	device->msix.count = entry;
}

const struct virtio_transport virtio_pci_transport = {
	.name = "pci",
	.get_status = get_status,
	.set_status = set_status,
	.get_features = get_features,
	.set_features = set_features,
	.queue_size_max = queue_size_max,
	.queue_enable = queue_enable,
	.queue_reset = queue_reset,
	.queue_is_reset = queue_is_reset,
	.notify = notify,
	.config_read = config_read,
	.config_write32 = config_write32,
	.config_generation = config_generation,
	.listen = listen,
};

/* 0: none of ours. A transitional device has its ID in the subsystem, and is modern too if it has the
 * capabilities. */
static uint32_t device_id(const struct pci_function *function)
{
	if (function->vendor != VIRTIO_PCI_VENDOR || function->product < PRODUCT_LEGACY_NET ||
	    function->product >= PRODUCT_END)
		return 0;
	if (function->product >= PRODUCT_LEGACY_END)
		return function->product - VIRTIO_PCI_PRODUCT_BASE;
	return pci_read16(function, SUBSYSTEM_ID);
}

/* The first capability of a type that can be mapped; at is where it stands, 0 if nowhere. */
static volatile uint8_t *map_area(const struct pci_function *function, uint8_t type, uint8_t *at)
{
	for (*at = 0; (*at = pci_capability(function, PCI_CAPABILITY_VENDOR, *at));) {
		const uint8_t bar = pci_read8(function, *at + CAP_BAR);
		const uint32_t offset = pci_read32(function, *at + CAP_OFFSET);
		const uint32_t bytes = pci_read32(function, *at + CAP_LENGTH);
		uint64_t gpa;

		if (pci_read8(function, *at + CAP_TYPE) != type || bar > 5)
			continue;
		gpa = pci_bar_gpa(function, bar);
		if (gpa)
			return mmio_map(gpa + offset, bytes);
	}
	return NULL;
}

/* Where notifications go: memory or ports. Returns the capability, 0: there is none that will do. */
static uint8_t find_notifications(const struct pci_function *function, volatile uint8_t **memory,
				  uint16_t *port)
{
	uint8_t at;

	*port = 0;
	*memory = map_area(function, VIRTIO_PCI_CAP_NOTIFY, &at);
	if (*memory)
		return at;
	while ((at = pci_capability(function, PCI_CAPABILITY_VENDOR, at))) {
		const uint8_t bar = pci_read8(function, at + CAP_BAR);

		if (pci_read8(function, at + CAP_TYPE) != VIRTIO_PCI_CAP_NOTIFY || bar > 5)
			continue;
		*port = pci_bar_port(function, bar);
		if (!*port)
			continue;
		*port += pci_read32(function, at + CAP_OFFSET);
		return at;
	}
	return 0;
}

void virtio_pci_probe(const struct pci_function *function)
{
	const uint32_t id = device_id(function);
	volatile uint8_t *common, *notifications, *isr;
	struct virtio_device *device;
	uint8_t at, notify_at;
	uint16_t port;

	if (!id)
		return;
	common = map_area(function, VIRTIO_PCI_CAP_COMMON, &at);
	notify_at = find_notifications(function, &notifications, &port);
	isr = map_area(function, VIRTIO_PCI_CAP_ISR, &at);
	device = common && notify_at && isr ? virtio_add(&virtio_pci_transport, id) : NULL;
	if (!device)
		return;
	pci_enable(function, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	device->function = *function;
	device->common = common;
	device->notify = notifications;
	device->notify_port = port;
	device->isr = isr;
	device->config = map_area(function, VIRTIO_PCI_CAP_DEVICE, &at);
	device->notify_multiplier = pci_read32(function, notify_at + CAP_NOTIFY_MULTIPLIER);
}
