/* SPDX-License-Identifier: MIT
 *
 * virtio over PCI, modern only (virtio 1.2 §4.1): the transport of stock distributions.
 *
 *     BAR 0  memory  common configuration, ISR status, device configuration
 *     BAR 1  memory  MSI-X: one vector for configuration changes, one per queue
 *     BAR 2  ports   notifications: four ports per queue, each with a doorbell of its own
 *
 * Notifications are port writes since KVM serves those without decoding the instruction: on AMD-V half the price of
 * a memory write (docs/virtio.md).
 */
#ifndef VITRINE_VIRTIO_PCI_H
#define VITRINE_VIRTIO_PCI_H

#include "bus/device.h"

/* setup->options: const struct board_plugin. Starts with struct pci_function. */
extern const struct device_ops virtio_pci_ops;

#endif
