/* SPDX-License-Identifier: MIT
 *
 * A PCI function: 256 bytes of configuration space, BARs, capabilities, MSI-X, INTx (PCI 3.0 chapter 6).
 * All functions hang on bus 0 behind the host bridge (dev/pci_host.h), which is the one window of the
 * bus tables for all BARs: a guest may move a BAR without those tables changing.
 *
 * A function is a device (bus/device.h) whose read and write get the BAR's number as region, or the number of
 * a fixed window of the board table (PCI_FIXED_WINDOW + its index) where it has any.
 */
#ifndef VITRINE_BUS_PCI_H
#define VITRINE_BUS_PCI_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus/bus.h"
#include "bus/device.h"

#define PCI_SLOT_MAX 32
#define PCI_BAR_COUNT 6
#define PCI_CONFIG_BYTES 256
#define PCI_MSIX_MAX 64
#define PCI_FIXED_WINDOW 8

/* Configuration space header, PCI 3.0 §6.1 */
enum {
	PCI_VENDOR_ID = 0x00,
	PCI_DEVICE_ID = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION_ID = 0x08,
	PCI_CLASS_INTERFACE = 0x09,
	PCI_CLASS_DEVICE = 0x0a,
	PCI_HEADER_TYPE = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
	PCI_SUBSYSTEM_ID = 0x2e,
	PCI_CAPABILITY_POINTER = 0x34,
	PCI_INTERRUPT_LINE = 0x3c,
	PCI_INTERRUPT_PIN = 0x3d
};

enum {
	PCI_COMMAND_IO = 1 << 0,
	PCI_COMMAND_MEMORY = 1 << 1,
	PCI_COMMAND_MASTER = 1 << 2,
	PCI_COMMAND_INTX_DISABLE = 1 << 10,
	PCI_STATUS_INTERRUPT = 1 << 3,
	PCI_STATUS_CAPABILITIES = 1 << 4
};

enum { PCI_CAP_MSIX = 0x11, PCI_CAP_VENDOR = 0x09 };

struct pci_function;
struct pci_host;
struct msix;

struct pci_bar {
	enum bus_space space;
	uint32_t size_bytes;   /* power of two, >= 16; 0: no such BAR */
	_Atomic uint64_t base; /* where it answers now; 0: nowhere. Any thread may look */
	uint64_t reads;	       /* accesses so far; dev.lock */
	uint64_t writes;
};

/* Identity and hooks; constant. */
struct pci_function_ops {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class_revision; /* class << 24 | subclass << 16 | interface << 8 | revision */

	/* Optional: a BAR answers at base from now on (0: nowhere): doorbells move with it. Lock held. */
	void (*bar_moved)(struct pci_function *fn, unsigned bar, uint64_t old_base, uint64_t base);
	/* Optional: the guest wrote [offset, offset + width) of the configuration space; it is stored already. */
	void (*config_written)(struct pci_function *fn, unsigned offset, unsigned width);
	/* Optional: before the guest reads there (the window into a BAR, virtio 1.2 §4.1.4.9). */
	void (*config_read)(struct pci_function *fn, unsigned offset, unsigned width);
};

/* First member of each PCI device's own struct. Guarded by dev.lock. */
struct pci_function {
	struct device dev;
	const struct pci_function_ops *ops;
	struct pci_host *host;
	unsigned slot;
	uint8_t config[PCI_CONFIG_BYTES];
	uint8_t writable[PCI_CONFIG_BYTES]; /* bits that the guest may write */
	struct pci_bar bar[PCI_BAR_COUNT];
	unsigned next_capability; /* offset of the next free byte for one */
	bool intx_level;	  /* what the device wants of INTA# */
	bool intx_asserted;	  /* what the bridge was told */
	struct msix *msix;	  /* NULL: has none */
};

/* In realize(), in this order: init, BARs, capabilities, and the machine attaches it afterwards. Device IDs that
 * ops leaves 0 may be written into config by hand. */
void pci_function_init(struct pci_function *fn, const struct pci_function_ops *ops);
void pci_add_bar(struct pci_function *fn, unsigned bar, enum bus_space space, uint32_t size_bytes);

/* A capability of size_bytes (id and next included), read-only but for what pci_set_writable() adds. Returns its
 * offset; its body is zero. */
unsigned pci_add_capability(struct pci_function *fn, uint8_t id, unsigned size_bytes);
void pci_set_writable(struct pci_function *fn, unsigned offset, uint32_t mask);

uint16_t pci_get16(const struct pci_function *fn, unsigned offset);
uint32_t pci_get32(const struct pci_function *fn, unsigned offset);
void pci_put16(struct pci_function *fn, unsigned offset, uint16_t value);
void pci_put32(struct pci_function *fn, unsigned offset, uint32_t value);

/* Configuration accesses by the host bridge, fn->dev.lock held; width 1, 2, 4, not over its end. */
uint32_t pci_config_read(struct pci_function *fn, unsigned offset, unsigned width);
void pci_config_write(struct pci_function *fn, unsigned offset, unsigned width, uint32_t value);

/* INTA#, level: unless the guest disabled it. Lock held. */
void pci_set_intx(struct pci_function *fn, bool level);
/* True while the guest lets the function read and write its memory. */
bool pci_is_master(const struct pci_function *fn);

/* MSI-X (PCI 3.0 §6.8.2): table at offset 0 of a BAR of its own, pending bits at 0x800. Read and write go to
 * msix_read() and msix_write() for that region. 0 or -errno. */
int msix_create(struct pci_function *fn, unsigned bar, unsigned vector_count,
		const struct wiring *wiring);
void msix_destroy(struct pci_function *fn);
uint64_t msix_read(struct pci_function *fn, uint64_t offset, unsigned width);
void msix_write(struct pci_function *fn, uint64_t offset, unsigned width, uint64_t value);
/* After a write to the configuration space: the capability's control word may have changed. */
void msix_config_written(struct pci_function *fn, unsigned offset, unsigned width);
bool msix_is_enabled(const struct pci_function *fn);
/* The eventfd that interrupts through this vector, for whoever signals it; -1: no such vector. While the
 * vector is masked a signal waits in it. */
int msix_fd(const struct pci_function *fn, unsigned vector);

#endif
