/* SPDX-License-Identifier: MIT
 *
 * A virtio device, whichever way it is attached: finding it, negotiating, its queues (virtio 1.2 §2,
 * §3). Only modern devices (VIRTIO_F_VERSION_1).
 *
 * A driver's order: virtio_start(), virtio_queue_open() for each queue, virtio_ready().
 */
#ifndef GUEST_VIRTIO_DEVICE_H
#define GUEST_VIRTIO_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/bus/interrupt.h"
#include "guest/bus/pci.h"
#include "guest/virtio/queue.h"

#define VIRTIO_DEVICES_MAX 32
#define VIRTIO_QUEUES_MAX 4 /* that the drivers here use */

struct virtio_device;

/* Where a queue's three areas are. */
struct virtio_ring_gpas {
	uint64_t desc, driver, device;
};

/* What differs between virtio-mmio and virtio-pci. */
struct virtio_transport {
	const char *name;
	uint8_t (*get_status)(const struct virtio_device *device);
	void (*set_status)(const struct virtio_device *device, uint8_t status);
	uint64_t (*get_features)(const struct virtio_device *device);
	void (*set_features)(const struct virtio_device *device, uint64_t features);
	/* index < VIRTIO_QUEUES_MAX, here and below. 0: there is no such queue. */
	unsigned (*queue_size_max)(const struct virtio_device *device, unsigned index);
	void (*queue_enable)(struct virtio_device *device, unsigned index, unsigned size,
			     const struct virtio_ring_gpas *ring);
	/* Starts a reset of one queue, and says whether it has ended. */
	void (*queue_reset)(const struct virtio_device *device, unsigned index);
	bool (*queue_is_reset)(const struct virtio_device *device, unsigned index);
	void (*notify)(const struct virtio_device *device, unsigned index);
	/* Device configuration: width is 1, 2 or 4, offset a multiple of it. */
	uint32_t (*config_read)(const struct virtio_device *device, unsigned offset,
				unsigned width);
	void (*config_write32)(const struct virtio_device *device, unsigned offset, uint32_t value);
	uint32_t (*config_generation)(const struct virtio_device *device);
	/* Makes the device's interrupts arrive; once. */
	void (*listen)(struct virtio_device *device);
};

extern const struct virtio_transport virtio_mmio_transport, virtio_pci_transport;

struct virtio_device {
	char name[12];
	uint32_t id;
	const struct virtio_transport *transport;
	uint64_t offered, negotiated;
	bool listening;
	uint64_t interrupts;				    /* counted by the handler */
	void (*on_interrupt)(struct virtio_device *device); /* called then; NULL: nobody asks */
	void *driver;					    /* of whoever set that */
	struct virtq queue[VIRTIO_QUEUES_MAX];

	/* virtio-mmio */
	volatile uint8_t *registers;
	unsigned gsi;
	bool level;

	/* virtio-pci */
	struct pci_function function;
	volatile uint8_t *common, *notify, *isr, *config;
	volatile uint8_t *queue_notify[VIRTIO_QUEUES_MAX];
	uint16_t notify_port; /* notifications go to ports instead, from here on; 0: to memory */
	uint16_t queue_port[VIRTIO_QUEUES_MAX];
	uint32_t notify_multiplier;
	struct pci_msix msix; /* count 0: INTx */
	struct interrupt interrupt[1 + VIRTIO_QUEUES_MAX];
};

/* All devices of the machine, in the order in which they were found: first MMIO, then PCI. */
extern struct virtio_device virtio_device[VIRTIO_DEVICES_MAX];
extern unsigned virtio_device_count;

/* For transports' handlers. */
static inline void virtio_count_interrupt(struct virtio_device *device)
{
	device->interrupts++;
	if (device->on_interrupt)
		device->on_interrupt(device);
}

/* Fills the table, the first time it is called. */
void virtio_find_all(void);

/* For transports: the next free entry, named; NULL: the table is full. */
struct virtio_device *virtio_add(const struct virtio_transport *transport, uint32_t id);

/* Looks for virtio-mmio devices: device tree, or words of the command line. */
void virtio_mmio_find(void);

/* One PCI function. Returns at once if it is no modern virtio device. */
void virtio_pci_probe(const struct pci_function *function);

/* Resets the device and negotiates: VERSION_1, the ring features of virtio_options(), and of those in
 * wanted what it offers. false, with a line on the console: it can't be driven. */
bool virtio_start(struct virtio_device *device, uint64_t wanted);

/* Gives queue index its memory, at most size_max descriptors. false: no such queue, no memory. */
bool virtio_queue_open(struct virtio_device *device, unsigned index, unsigned size_max);

/* DRIVER_OK: the device may work from here on. */
void virtio_ready(struct virtio_device *device);

/* Resets one queue and opens it again, empty (§2.6.1). Needs VIRTIO_F_RING_RESET. false: no answer. */
bool virtio_queue_restart(struct virtio_device *device, unsigned index);

/* Reset of the device; it answers by a status of 0 (§2.1.2). false: it doesn't. */
bool virtio_reset(const struct virtio_device *device);

/* Waits until queue has something to take, by interrupt and hlt or by polling, as virtio_options()
 * say. false: nothing within limit_ns. */
bool virtio_queue_wait(struct virtq *queue, uint64_t limit_ns);

/* A little-endian number of 1, 2, 4 or 8 bytes in device configuration. */
uint64_t virtio_config(const struct virtio_device *device, unsigned offset, unsigned bytes);

/* Transport, ring, interrupts and kicks in one line. */
void virtio_describe(const struct virtio_device *device, char *text, unsigned size);

/* "blk", "net", … */
const char *virtio_id_name(uint32_t id);

#endif
