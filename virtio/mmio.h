/* SPDX-License-Identifier: MIT
 *
 * virtio over MMIO, version 2 (virtio 1.2 §4.2): the transport of micro-VMs.
 *
 * The register page is memory that the guest reads without an exit (a read-only slot); its writes come here,
 * but for QueueNotify and InterruptACK, which are doorbells: no exit to userspace for a request.
 */
#ifndef VITRINE_VIRTIO_MMIO_H
#define VITRINE_VIRTIO_MMIO_H

#include "bus/device.h"

#define VIRTIO_MMIO_PAGE_BYTES 0x1000

/* setup->options: const struct virtio_mmio_options. One region of VIRTIO_MMIO_PAGE_BYTES. */
extern const struct device_ops virtio_mmio_ops;

struct board_plugin;
struct virtio_mmio_options {
	const struct board_plugin *plugin;
	uint64_t gpa; /* of the register page */
	void *page;   /* VIRTIO_MMIO_PAGE_BYTES, page-aligned, zeroed; outlives the device */
};

#endif
