/* SPDX-License-Identifier: MIT
 *
 * Negotiation (virtio 1.2 §3.1), queues and waiting.
 */
#include "guest/virtio/device.h"

#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/time/clock.h"
#include "guest/virtio/options.h"

#define RESET_NS 2000000000ull

struct virtio_device virtio_device[VIRTIO_DEVICES_MAX];
unsigned virtio_device_count;

void virtio_find_all(void)
{
	static bool found;

	if (found)
		return;
	found = true;
	virtio_mmio_find();
	pci_scan(virtio_pci_probe);
}

struct virtio_device *virtio_add(const struct virtio_transport *transport, uint32_t id)
{
	struct virtio_device *device;

	if (virtio_device_count == VIRTIO_DEVICES_MAX)
		return NULL;
	device = &virtio_device[virtio_device_count];
	print_to(device->name, sizeof(device->name), "virtio%u", virtio_device_count++);
	device->transport = transport;
	device->id = id;
	return device;
}

bool virtio_reset(const struct virtio_device *device)
{
	const uint64_t start = clock_ns();

	device->transport->set_status(device, 0);
	while (device->transport->get_status(device))
		if (clock_ns() - start > RESET_NS)
			return false;
	return true;
}

static bool refuse(const struct virtio_device *device, const char *why)
{
	print("%s (%s by %s): %s\n", device->name, virtio_id_name(device->id),
	      device->transport->name, why);
	device->transport->set_status(device, VIRTIO_FAILED);
	return false;
}

bool virtio_start(struct virtio_device *device, uint64_t wanted)
{
	const struct virtio_transport *transport = device->transport;
	uint8_t status = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER;

	if (!virtio_reset(device))
		return refuse(device, "doesn't end its reset");
	transport->set_status(device, VIRTIO_ACKNOWLEDGE);
	transport->set_status(device, status);
	device->offered = transport->get_features(device);
	device->negotiated = device->offered &
			     (wanted | virtio_options()->features | VIRTIO_F_VERSION_1);
	if (!(device->negotiated & VIRTIO_F_VERSION_1))
		return refuse(device, "is older than virtio 1.0");
	transport->set_features(device, device->negotiated);
	status |= VIRTIO_FEATURES_OK;
	transport->set_status(device, status);
	if (!(transport->get_status(device) & VIRTIO_FEATURES_OK))
		return refuse(device, "refuses a subset of its features");
	if (!device->listening && !virtio_options()->poll)
		transport->listen(device);
	device->listening = true;
	return true;
}

void virtio_ready(struct virtio_device *device)
{
	const struct virtio_transport *transport = device->transport;

	transport->set_status(device, transport->get_status(device) | VIRTIO_DRIVER_OK);
}

static void notify(struct virtq *queue)
{
	const struct virtio_device *device = queue->owner;

	device->transport->notify(device, queue->index);
}

/* Memory is allocated once and cleared for each new life of the queue. */
static bool get_memory(struct virtq *queue, unsigned size, bool packed, struct dma *slots)
{
	static struct dma slot_memory[VIRTIO_DEVICES_MAX][VIRTIO_QUEUES_MAX];
	const struct virtio_device *device = queue->owner;
	struct dma *mine = &slot_memory[device - virtio_device][queue->index];
	struct dma *ring = &queue->ring, *tables = &queue->tables;

	if (!ring->at && (!dma_alloc(ring, virtq_ring_bytes(packed, size)) ||
			  !dma_alloc(tables, (uint64_t)size * VIRTQ_TABLE_BYTES) ||
			  !dma_alloc(mine, size * sizeof(struct virtq_slot))))
		return false;
	memset(ring->at, 0, ring->bytes);
	*slots = *mine;
	return true;
}

static void enable(const struct virtq *queue)
{
	struct virtio_device *device = queue->owner;
	const struct virtio_ring_gpas ring = {queue->ring.gpa,
					      queue->ring.gpa + queue->driver_offset,
					      queue->ring.gpa + queue->device_offset};

	device->transport->queue_enable(device, queue->index, queue->size, &ring);
}

bool virtio_queue_open(struct virtio_device *device, unsigned index, unsigned size_max)
{
	struct virtq *queue = &device->queue[index];
	unsigned size = device->transport->queue_size_max(device, index);
	struct dma slots;

	if (size > size_max)
		size = size_max;
	if (size > VIRTQ_SIZE_MAX)
		size = VIRTQ_SIZE_MAX;
	while (size & (size - 1))
		size &= size - 1; /* split rings: a power of two */
	queue->owner = device;
	queue->index = index;
	queue->notify = notify;
	if (!size || !get_memory(queue, size, device->negotiated & VIRTIO_F_RING_PACKED, &slots))
		return refuse(device, size ? "no memory for its queue" : "lacks a queue");
	virtq_init(queue, size, device->negotiated, &queue->ring, slots.at, &queue->tables);
	enable(queue);
	return true;
}

bool virtio_queue_restart(struct virtio_device *device, unsigned index)
{
	const uint64_t start = clock_ns();

	device->transport->queue_reset(device, index);
	while (!device->transport->queue_is_reset(device, index))
		if (clock_ns() - start > RESET_NS)
			return false;
	return virtio_queue_open(device, index, device->queue[index].size);
}

static bool wait_polling(const struct virtq *queue, uint64_t limit_ns)
{
	const uint64_t start = clock_ns();

	while (!virtq_has_used(queue)) {
		if (clock_ns() - start > limit_ns)
			return false;
		cpu_relax();
	}
	return true;
}

bool virtio_queue_wait(struct virtq *queue, uint64_t limit_ns)
{
	const uint64_t start = clock_ns();
	bool found;

	if (virtio_options()->poll)
		return wait_polling(queue, limit_ns);
	irq_disable();
	virtq_ask_interrupt(queue, true);
	while (!(found = virtq_has_used(queue)) && clock_ns() - start < limit_ns) {
		cpu_sleep();
		virtq_ask_interrupt(queue, true); /* a flag of the packed ring may have moved on */
	}
	virtq_ask_interrupt(queue, false);
	irq_enable();
	return found;
}

uint64_t virtio_config(const struct virtio_device *device, unsigned offset, unsigned bytes)
{
	const struct virtio_transport *transport = device->transport;
	uint32_t generation;
	uint64_t value;

	do { /* §2.5.1: two halves may change in between */
		generation = transport->config_generation(device);
		value = transport->config_read(device, offset, bytes < 4 ? bytes : 4);
		if (bytes == 8)
			value |= (uint64_t)transport->config_read(device, offset + 4, 4) << 32;
	} while (transport->config_generation(device) != generation);
	return value;
}

void virtio_describe(const struct virtio_device *device, char *text, unsigned size)
{
	struct virtq_counters sum = {0};
	char features[64];

	virtio_feature_names(device->negotiated, features, sizeof(features));
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		sum.requests += device->queue[i].counters.requests;
		sum.kicks += device->queue[i].counters.kicks;
		sum.kicks_spared += device->queue[i].counters.kicks_spared;
	}
	print_to(text, size, "%s%s [%s] %lu requests, %lu kicks, %lu spared, %lu interrupts",
		 device->transport->name,
		 device->msix.count	  ? " msi-x"
		 : virtio_options()->poll ? " poll"
					  : " line",
		 features, sum.requests, sum.kicks, sum.kicks_spared, device->interrupts);
}

const char *virtio_id_name(uint32_t id)
{
	switch (id) {
	case VIRTIO_ID_NET: return "net";
	case VIRTIO_ID_BLOCK: return "blk";
	case VIRTIO_ID_CONSOLE: return "console";
	case VIRTIO_ID_RNG: return "rng";
	case VIRTIO_ID_BALLOON: return "balloon";
	case VIRTIO_ID_VSOCK: return "vsock";
	case VIRTIO_ID_FS: return "fs";
	default: return "unknown";
	}
}
