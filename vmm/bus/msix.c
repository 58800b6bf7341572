/* SPDX-License-Identifier: MIT
 *
 * MSI-X (PCI 3.0 §6.8.2): each vector is an eventfd. While it may interrupt, KVM holds the eventfd as an
 * irqfd; while it is masked nobody reads the eventfd, so a signal waits in it: that is the pending bit, and KVM
 * looks at the counter when it takes the eventfd back.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus/pci.h"
#include "bus/wiring.h"

#define CAPABILITY_BYTES 12
#define CONTROL 2 /* offsets in the capability */
#define TABLE_BIR 4
#define PENDING_BIR 8
#define CONTROL_ENABLE 0x8000u
#define CONTROL_MASK_ALL 0x4000u
#define ENTRY_BYTES 16
#define PENDING_OFFSET 0x800
#define ENTRY_MASKED 1u

struct vector {
	uint32_t entry[4]; /* address low, high, data, control: as the guest sees it */
	bool known;	   /* KVM has a message, which is… */
	uint64_t address;
	uint32_t data;
	int gsi; /* -1: none yet */
	int fd;
	bool armed; /* KVM has the eventfd */
};

struct msix {
	const struct wiring *wiring;
	unsigned capability; /* offset in configuration space */
	unsigned count;
	struct vector vector[];
};

static int create_vectors(struct msix *msix)
{
	for (unsigned i = 0; i < msix->count; i++) {
		struct vector *vector = &msix->vector[i];

		vector->entry[3] = ENTRY_MASKED;
		vector->gsi = -1;
		vector->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vector->fd < 0)
			return -errno;
	}
	return 0;
}

int msix_create(struct pci_function *fn, unsigned bar, unsigned vector_count,
		const struct wiring *wiring)
{
	struct msix *msix = calloc(1, sizeof(*msix) + vector_count * sizeof(struct vector));
	int err;

	if (!msix)
		return -ENOMEM;
	msix->wiring = wiring;
	msix->count = vector_count;
	for (unsigned i = 0; i < vector_count; i++)
		msix->vector[i].fd = -1;
	fn->msix = msix;
	err = create_vectors(msix);
	if (err) {
		msix_destroy(fn);
		return err;
	}
	pci_add_bar(fn, bar, BUS_MMIO, 0x1000);
	msix->capability = pci_add_capability(fn, PCI_CAP_MSIX, CAPABILITY_BYTES);
	pci_put16(fn, msix->capability + CONTROL, (uint16_t)(vector_count - 1));
	pci_put32(fn, msix->capability + TABLE_BIR, bar);
	pci_put32(fn, msix->capability + PENDING_BIR, PENDING_OFFSET | bar);
	pci_set_writable(fn, msix->capability + CONTROL, CONTROL_ENABLE | CONTROL_MASK_ALL);
	return 0;
}

static void disarm(struct msix *msix, struct vector *vector)
{
	if (!vector->armed)
		return;
	vector->armed = false;
	msix->wiring->remove_irqfd(msix->wiring->kvm, (unsigned)vector->gsi, vector->fd);
}

/* Tells KVM the message as the guest has it now. */
static int set_message(struct msix *msix, struct vector *vector)
{
	uint64_t address = (uint64_t)vector->entry[1] << 32 | vector->entry[0];
	uint32_t data = vector->entry[2];
	int err;

	if (vector->known && vector->address == address && vector->data == data)
		return 0;
	err = msix->wiring->set_msi(msix->wiring->kvm, vector->gsi, address, data);
	vector->known = !err;
	vector->address = address;
	vector->data = data;
	return err;
}

/* The message first, then the eventfd: what waited in it goes out with the new message. A message that KVM refuses
 * interrupts nobody, as on the bus. */
static void arm(struct msix *msix, struct vector *vector)
{
	const struct wiring *wiring = msix->wiring;

	if (vector->gsi < 0)
		vector->gsi = wiring->add_msi(wiring->kvm);
	if (vector->gsi < 0)
		return;
	if (set_message(msix, vector) < 0)
		disarm(msix, vector);
	else if (!vector->armed)
		vector->armed = !wiring->add_irqfd(wiring->kvm, (unsigned)vector->gsi, vector->fd);
}

static void update(struct pci_function *fn, struct vector *vector)
{
	struct msix *msix = fn->msix;
	uint16_t control = pci_get16(fn, msix->capability + CONTROL);
	bool open = control & CONTROL_ENABLE && !(control & CONTROL_MASK_ALL) &&
		    !(vector->entry[3] & ENTRY_MASKED);

	if (!msix->wiring)
		return;
	if (open)
		arm(msix, vector);
	else
		disarm(msix, vector);
}

void msix_destroy(struct pci_function *fn)
{
	struct msix *msix = fn->msix;

	if (!msix)
		return;
	for (unsigned i = 0; i < msix->count; i++) {
		disarm(msix, &msix->vector[i]);
		if (msix->vector[i].gsi >= 0)
			msix->wiring->remove_msi(msix->wiring->kvm, msix->vector[i].gsi);
		if (msix->vector[i].fd >= 0)
			close(msix->vector[i].fd);
	}
	fn->msix = NULL;
	free(msix);
}

static bool is_pending(const struct vector *vector)
{
	struct pollfd waiting = {.fd = vector->fd, .events = POLLIN};

	return !vector->armed && poll(&waiting, 1, 0) == 1;
}

static uint64_t pending_bits(const struct msix *msix)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < msix->count; i++)
		if (is_pending(&msix->vector[i]))
			bits |= 1ULL << i;
	return bits;
}

/* §6.8.2: aligned accesses of 4 or 8 bytes; others read as zero. */
uint64_t msix_read(struct pci_function *fn, uint64_t offset, unsigned width)
{
	struct msix *msix = fn->msix;
	uint64_t value = 0;

	if (width < 4 || offset % width)
		return 0;
	if (offset >= PENDING_OFFSET && offset < PENDING_OFFSET + 8) {
		value = pending_bits(msix) >> (offset % 8) * 8;
	} else if (offset / ENTRY_BYTES < msix->count) {
		const struct vector *vector = &msix->vector[offset / ENTRY_BYTES];

		memcpy(&value, (const uint8_t *)vector->entry + offset % ENTRY_BYTES, width);
	}
	return value;
}

void msix_write(struct pci_function *fn, uint64_t offset, unsigned width, uint64_t value)
{
	struct msix *msix = fn->msix;
	struct vector *vector;

	if (width < 4 || offset % width || offset / ENTRY_BYTES >= msix->count)
		return;
	vector = &msix->vector[offset / ENTRY_BYTES];
	memcpy((uint8_t *)vector->entry + offset % ENTRY_BYTES, &value, width);
	vector->entry[0] &= ~3u;
	vector->entry[3] &= ENTRY_MASKED;
	update(fn, vector);
}

void msix_config_written(struct pci_function *fn, unsigned offset, unsigned width)
{
	unsigned control = fn->msix->capability + CONTROL;

	if (offset >= control + 2 || offset + width <= control)
		return;
	for (unsigned i = 0; i < fn->msix->count; i++)
		update(fn, &fn->msix->vector[i]);
}

bool msix_is_enabled(const struct pci_function *fn)
{
	return fn->msix && pci_get16(fn, fn->msix->capability + CONTROL) & CONTROL_ENABLE;
}

int msix_fd(const struct pci_function *fn, unsigned vector)
{
	return fn->msix && vector < fn->msix->count ? fn->msix->vector[vector].fd : -1;
}
