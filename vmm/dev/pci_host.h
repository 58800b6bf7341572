/* SPDX-License-Identifier: MIT
 *
 * The PCI host bridge: bus 0 with up to 31 functions behind it. Configuration space by mechanism #1 (PCI
 * 3.0 §3.2.2.3.2) and, where there are functions, by MMCONFIG (PCI Firmware 3.0 §4); the windows of all
 * BARs; INTA# of slot n is GSI 16 + n % 8.
 *
 * On a board without PCI functions it is there for the sake of probing kernels: Linux finds a working
 * mechanism and a bridge after a dozen accesses and, ACPI naming no PCI root, looks no further. Without it, it
 * complains on the console on every boot.
 */
#ifndef VITRINE_DEV_PCI_HOST_H
#define VITRINE_DEV_PCI_HOST_H

#include <stdbool.h>

#include "bus/device.h"

struct pci_function;
struct pci_host;

enum pci_host_region {
	PCI_HOST_ADDRESS,
	PCI_HOST_DATA,
	PCI_HOST_CONFIG, /* MMCONFIG */
	PCI_HOST_MEMORY, /* windows of BARs */
	PCI_HOST_PORTS
};

#define PCI_HOST_FIRST_GSI 16
#define PCI_HOST_GSI_COUNT 8

extern const struct device_ops pci_host_ops;

/* GSI number index of the eight is line. Before vCPUs run. */
void pci_host_connect(struct device *host, unsigned index, struct irq_line line);

/* Puts a function into slot 1…31 and gives its BARs addresses that nobody else has; decoding is off, as
 * after reset. Before vCPUs run; the function outlives the host. 0, -EBUSY, -ENOSPC (addresses). */
int pci_host_attach(struct device *host, struct pci_function *fn, unsigned slot);

/* The function of a slot, or NULL: for counters. */
struct pci_function *pci_host_function(struct device *host, unsigned slot);

/* INTA# of a slot. Any thread, any lock. */
void pci_host_set_intx(struct pci_host *host, unsigned slot, bool level);

#endif
