/* SPDX-License-Identifier: MIT
 *
 * What the files of virtio-pci share. Nobody else includes it.
 *
 *     pci.c   capabilities, BARs, doorbells, interrupts        pci_common.c   common configuration
 */
#ifndef VITRINE_VIRTIO_PCI_INTERNAL_H
#define VITRINE_VIRTIO_PCI_INTERNAL_H

#include "bus/pci.h"
#include "virtio/device.h"

#define VIRTIO_PCI_COMMON_BYTES 0x3c

struct virtio_pci {
	struct pci_function fn;
	struct virtio_device *vdev;
	const struct wiring *wiring;
	struct loop *loop;
	struct pci_function_ops identity;
	unsigned window; /* offset of the capability that is a window into the BARs */
	uint32_t device_feature_select, driver_feature_select;
	uint16_t queue_select;
	_Atomic uint16_t config_vector;
	_Atomic uint16_t queue_vector[VIRTIO_QUEUE_MAX];
	atomic_bool msix_enabled;

	/* INTx: whoever interrupts adds a cause and rings; the main loop asserts the line */
	int intx_fd;
	_Atomic uint32_t causes;
	uint32_t isr; /* fn.dev.lock */
};

/* The common configuration; any offset and width. fn.dev.lock held. */
uint64_t virtio_pci_read_common(struct virtio_pci *pci, uint64_t offset, unsigned width);
void virtio_pci_write_common(struct virtio_pci *pci, uint64_t offset, unsigned width,
			     uint64_t value);
/* No interrupt has a vector any more, as after a reset. */
void virtio_pci_reset_vectors(struct virtio_pci *pci);

/* ISR status (§4.1.4.5): reading it acknowledges. fn.dev.lock held. */
uint32_t virtio_pci_read_isr(struct virtio_pci *pci);

#endif
