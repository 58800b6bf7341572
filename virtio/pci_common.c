/* SPDX-License-Identifier: MIT
 *
 * The common configuration structure of virtio-pci (virtio 1.2 §4.1.4.3). See pci_internal.h.
 */
#include <stddef.h>
#include <string.h>

#include "virtio/pci_internal.h"

#define NO_VECTOR 0xffff

/* §4.1.4.3 */
struct common {
	uint32_t device_feature_select;
	uint32_t device_feature;
	uint32_t driver_feature_select;
	uint32_t driver_feature;
	uint16_t config_msix_vector;
	uint16_t num_queues;
	uint8_t device_status;
	uint8_t config_generation;
	uint16_t queue_select;
	uint16_t queue_size;
	uint16_t queue_msix_vector;
	uint16_t queue_enable;
	uint16_t queue_notify_off;
	uint32_t queue_desc[2];
	uint32_t queue_driver[2];
	uint32_t queue_device[2];
	uint16_t queue_notify_data;
	uint16_t queue_reset;
};

_Static_assert(offsetof(struct common, queue_select) == 0x16, "common configuration");
_Static_assert(offsetof(struct common, queue_desc) == 0x20, "common configuration");
_Static_assert(sizeof(struct common) == VIRTIO_PCI_COMMON_BYTES, "common configuration");

#define FIELD(name) offsetof(struct common, name)

static struct virtio_queue *selected(struct virtio_pci *pci)
{
	return pci->queue_select < pci->vdev->queue_count ? pci->vdev->queue[pci->queue_select]
							  : NULL;
}

static void fill_queue(struct virtio_pci *pci, struct common *common)
{
	const struct virtio_queue *queue = selected(pci);

	if (!queue)
		return; /* §4.1.4.3.1: a size of 0 means that there is none */
	common->queue_size = queue->config.size;
	common->queue_msix_vector = pci->queue_vector[queue->index];
	common->queue_enable = queue->enabled;
	common->queue_notify_off = (uint16_t)queue->index;
	memcpy(common->queue_desc, &queue->config.desc_gpa, 8);
	memcpy(common->queue_driver, &queue->config.driver_gpa, 8);
	memcpy(common->queue_device, &queue->config.device_gpa, 8);
	common->queue_notify_data = (uint16_t)queue->index;
}

uint64_t virtio_pci_read_common(struct virtio_pci *pci, uint64_t offset, unsigned width)
{
	const struct virtio_device *vdev = pci->vdev;
	struct common common = {
		.device_feature_select = pci->device_feature_select,
		.driver_feature_select = pci->driver_feature_select,
		.config_msix_vector = pci->config_vector,
		.num_queues = (uint16_t)vdev->queue_count,
		.device_status = vdev->status,
		.config_generation = (uint8_t)vdev->config_generation,
		.queue_select = pci->queue_select,
	};
	uint64_t value = 0;

	if (offset + width > sizeof(common))
		return 0;
	if (pci->device_feature_select < 2)
		common.device_feature = (uint32_t)(vdev->offered >>
						   pci->device_feature_select * 32);
	if (pci->driver_feature_select < 2)
		common.driver_feature = (uint32_t)(vdev->features >>
						   pci->driver_feature_select * 32);
	fill_queue(pci, &common);
	memcpy(&value, (const uint8_t *)&common + offset, width);
	return value;
}

static void put_half(uint64_t *gpa, bool high, uint64_t value, unsigned width)
{
	uint64_t mask = width == 8 ? UINT64_MAX : high ? 0xffffffffULL << 32 : 0xffffffffULL;

	*gpa = (*gpa & ~mask) | (value << (high ? 32 : 0) & mask);
}

/* §4.1.5.1.3: an enabled queue's fields do not change. */
static void write_queue(struct virtio_pci *pci, uint64_t offset, unsigned width, uint64_t value)
{
	struct virtio_queue *queue = selected(pci);
	bool high = offset & 4;

	if (!queue)
		return;
	if (offset == FIELD(queue_reset) && value == 1 &&
	    virtio_has(pci->vdev, VIRTIO_F_RING_RESET))
		virtio_reset_queue(pci->vdev, queue->index);
	if (queue->enabled)
		return;
	if (offset == FIELD(queue_enable) && value == 1)
		virtio_enable_queue(pci->vdev, queue->index);
	else if (offset == FIELD(queue_size))
		queue->config.size = (uint16_t)value;
	else if ((offset & ~4ULL) == FIELD(queue_desc))
		put_half(&queue->config.desc_gpa, high, value, width);
	else if ((offset & ~4ULL) == FIELD(queue_driver))
		put_half(&queue->config.driver_gpa, high, value, width);
	else if ((offset & ~4ULL) == FIELD(queue_device))
		put_half(&queue->config.device_gpa, high, value, width);
}

/* A vector that is not there reads back as none, §4.1.5.1.2. */
static uint16_t check_vector(const struct virtio_pci *pci, uint64_t value)
{
	return value <= pci->vdev->queue_count ? (uint16_t)value : NO_VECTOR;
}

void virtio_pci_reset_vectors(struct virtio_pci *pci)
{
	pci->config_vector = NO_VECTOR;
	for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++)
		pci->queue_vector[i] = NO_VECTOR;
}

static void write_status(struct virtio_pci *pci, uint8_t value)
{
	virtio_write_status(pci->vdev, value);
	if (value)
		return;
	virtio_pci_reset_vectors(pci);
	virtio_pci_read_isr(pci);
	pci->device_feature_select = pci->driver_feature_select = 0;
	pci->queue_select = 0;
}

void virtio_pci_write_common(struct virtio_pci *pci, uint64_t offset, unsigned width,
			     uint64_t value)
{
	switch (offset) {
	case FIELD(device_feature_select): pci->device_feature_select = (uint32_t)value; break;
	case FIELD(driver_feature_select): pci->driver_feature_select = (uint32_t)value; break;
	case FIELD(driver_feature):
		virtio_write_features(pci->vdev, pci->driver_feature_select, (uint32_t)value);
		break;
	case FIELD(config_msix_vector): pci->config_vector = check_vector(pci, value); break;
	case FIELD(device_status): write_status(pci, (uint8_t)value); break;
	case FIELD(queue_select): pci->queue_select = (uint16_t)value; break;
	case FIELD(queue_msix_vector):
		if (selected(pci))
			pci->queue_vector[pci->queue_select] = check_vector(pci, value);
		break;
	default: write_queue(pci, offset, width, value); break;
	}
}
