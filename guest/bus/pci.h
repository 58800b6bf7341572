/* SPDX-License-Identifier: MIT
 *
 * PCI functions through configuration mechanism 1 (PCI Local Bus Specification 3.0 §3.2.2.3.2), with
 * the addresses that firmware or VMM gave them.
 */
#ifndef GUEST_BUS_PCI_H
#define GUEST_BUS_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/bus/interrupt.h"

struct pci_function {
	uint8_t bus, device, function;
	uint16_t vendor, product;
	uint32_t class_code; /* class, subclass, programming interface */
};

/* Registers of the header (§6.1). */
enum {
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_CLASS = 0x08,
	PCI_HEADER_TYPE = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SECONDARY_BUS = 0x19,
	PCI_CAPABILITIES = 0x34,
	PCI_INTERRUPT_LINE = 0x3c,
	PCI_INTERRUPT_PIN = 0x3d
};
enum {
	PCI_COMMAND_IO = 1,
	PCI_COMMAND_MEMORY = 2,
	PCI_COMMAND_MASTER = 4,
	PCI_COMMAND_INTX_OFF = 0x400
};
enum { PCI_CAPABILITY_VENDOR = 0x09, PCI_CAPABILITY_MSIX = 0x11 };

/* Calls found() for each function on bus 0 and behind bridges. false: there is no PCI here. */
bool pci_scan(void (*found)(const struct pci_function *function));

uint8_t pci_read8(const struct pci_function *function, unsigned at);
uint16_t pci_read16(const struct pci_function *function, unsigned at);
uint32_t pci_read32(const struct pci_function *function, unsigned at);
void pci_write16(const struct pci_function *function, unsigned at, uint16_t value);

/* Sets bits of the command register. */
void pci_enable(const struct pci_function *function, uint16_t bits);

/* Port of an I/O BAR, address of a memory BAR; 0: not there, not assigned, or of the other kind. */
uint16_t pci_bar_port(const struct pci_function *function, unsigned bar);
uint64_t pci_bar_gpa(const struct pci_function *function, unsigned bar);

/* The next capability with this ID after another one (0: the first). 0: no more. */
uint8_t pci_capability(const struct pci_function *function, uint8_t id, uint8_t after);

/* Listens to INTx. false: it isn't wired. */
bool pci_listen_line(const struct pci_function *function, struct interrupt *interrupt);

/* A function's MSI-X (§6.8.2). */
struct pci_msix {
	volatile uint8_t *table;
	unsigned count;
};

/* Switches it on, with all entries masked, and INTx off. false: there is none. */
bool pci_msix_open(const struct pci_function *function, struct pci_msix *msix);

/* Makes an entry call this handler. false: no such entry, or no vector is left. */
bool pci_msix_listen(const struct pci_msix *msix, unsigned entry, struct interrupt *interrupt);

#endif
