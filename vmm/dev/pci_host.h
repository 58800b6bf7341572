/* SPDX-License-Identifier: MIT
 *
 * The PCI host bridge, so far alone on its bus: configuration mechanism #1 (PCI 3.0 §3.2.2.3.2) with one
 * function behind it. It is there for the sake of probing kernels: Linux finds a working mechanism and a
 * bridge after a dozen accesses and, ACPI naming no PCI root, looks no further. Without it, it complains on
 * the console on every boot.
 */
#ifndef VITRINE_DEV_PCI_HOST_H
#define VITRINE_DEV_PCI_HOST_H

#include "bus/device.h"

enum pci_host_region { PCI_HOST_ADDRESS, PCI_HOST_DATA };

extern const struct device_ops pci_host_ops;

#endif
