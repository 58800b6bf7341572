/* SPDX-License-Identifier: MIT
 *
 * virtio-mmio version 2 (virtio 1.2 §4.2): nodes "virtio,mmio" of the device tree, or words
 * virtio_mmio.device=SIZE@ADDRESS:IRQ of the command line, as QEMU's microvm adds them.
 */
#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/board/fdt.h"
#include "guest/board/machine.h"
#include "guest/lib/number.h"
#include "guest/lib/string.h"
#include "guest/mm/mmio.h"
#include "guest/virtio/device.h"

#define VERSION_MODERN 2
#define FDT_LEVEL_HIGH 4 /* second cell of "interrupts"; without one: edge-triggered */

static uint32_t get(const struct virtio_device *device, unsigned at)
{
	return mmio_read32(device->registers + at);
}

static void set(const struct virtio_device *device, unsigned at, uint32_t value)
{
	mmio_write32(device->registers + at, value);
}

static void set64(const struct virtio_device *device, unsigned at, uint64_t value)
{
	set(device, at, (uint32_t)value);
	set(device, at + 4, value >> 32);
}

static uint8_t get_status(const struct virtio_device *device)
{
	return get(device, VIRTIO_MMIO_STATUS);
}

static void set_status(const struct virtio_device *device, uint8_t status)
{
	set(device, VIRTIO_MMIO_STATUS, status);
}

static uint64_t get_features(const struct virtio_device *device)
{
	uint64_t features;

	set(device, VIRTIO_MMIO_DEVICE_FEATURES_SELECT, 1);
	features = (uint64_t)get(device, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	set(device, VIRTIO_MMIO_DEVICE_FEATURES_SELECT, 0);
	return features | get(device, VIRTIO_MMIO_DEVICE_FEATURES);
}

static void set_features(const struct virtio_device *device, uint64_t features)
{
	for (unsigned half = 0; half < 2; half++) {
		set(device, VIRTIO_MMIO_DRIVER_FEATURES_SELECT, half);
		set(device, VIRTIO_MMIO_DRIVER_FEATURES, features >> (32 * half));
	}
}

static unsigned queue_size_max(const struct virtio_device *device, unsigned index)
{
	set(device, VIRTIO_MMIO_QUEUE_SELECT, index);
	return get(device, VIRTIO_MMIO_QUEUE_SIZE_MAX);
}

static void queue_enable(struct virtio_device *device, unsigned index, unsigned size,
			 const struct virtio_ring_gpas *ring)
{
	set(device, VIRTIO_MMIO_QUEUE_SELECT, index);
	set(device, VIRTIO_MMIO_QUEUE_SIZE, size);
	set64(device, VIRTIO_MMIO_QUEUE_DESC, ring->desc);
	set64(device, VIRTIO_MMIO_QUEUE_DRIVER, ring->driver);
	set64(device, VIRTIO_MMIO_QUEUE_DEVICE, ring->device);
	set(device, VIRTIO_MMIO_QUEUE_READY, 1);
}

static void queue_reset(const struct virtio_device *device, unsigned index)
{
	set(device, VIRTIO_MMIO_QUEUE_SELECT, index);
	set(device, VIRTIO_MMIO_QUEUE_RESET, 1);
}

static bool queue_is_reset(const struct virtio_device *device, unsigned index)
{
	set(device, VIRTIO_MMIO_QUEUE_SELECT, index);
	return !get(device, VIRTIO_MMIO_QUEUE_RESET) && !get(device, VIRTIO_MMIO_QUEUE_READY);
}

static void notify(const struct virtio_device *device, unsigned index)
{
	set(device, VIRTIO_MMIO_QUEUE_NOTIFY, index);
}

static uint32_t config_read(const struct virtio_device *device, unsigned offset, unsigned width)
{
	const volatile uint8_t *at = device->registers + VIRTIO_MMIO_CONFIG + offset;

	switch (width) {
	case 1: return mmio_read8(at);
	case 2: return mmio_read16(at);
	default: return mmio_read32(at);
	}
}

static void config_write32(const struct virtio_device *device, unsigned offset, uint32_t value)
{
	set(device, VIRTIO_MMIO_CONFIG + offset, value);
}

static uint32_t config_generation(const struct virtio_device *device)
{
	return get(device, VIRTIO_MMIO_CONFIG_GENERATION);
}

static void on_interrupt(void *context)
{
	struct virtio_device *device = context;
	const uint32_t status = get(device, VIRTIO_MMIO_INTERRUPT_STATUS);

	if (!status)
		return; /* somebody else on the same line */
	set(device, VIRTIO_MMIO_INTERRUPT_ACK, status);
	virtio_count_interrupt(device);
}

static void listen(struct virtio_device *device)
{
	device->interrupt[0] = (struct interrupt){on_interrupt, device, NULL};
	interrupt_listen_gsi(&device->interrupt[0], device->gsi, device->level);
}

const struct virtio_transport virtio_mmio_transport = {
	.name = "mmio",
	.get_status = get_status,
	.set_status = set_status,
	.get_features = get_features,
	.set_features = set_features,
	.queue_size_max = queue_size_max,
	.queue_enable = queue_enable,
	.queue_reset = queue_reset,
	.queue_is_reset = queue_is_reset,
	.notify = notify,
	.config_read = config_read,
	.config_write32 = config_write32,
	.config_generation = config_generation,
	.listen = listen,
};

static void probe(uint64_t gpa, unsigned gsi, bool level)
{
	volatile uint8_t *registers = mmio_map(gpa, VIRTIO_MMIO_BYTES);
	struct virtio_device *device;
	uint32_t id;

	if (!registers || mmio_read32(registers + VIRTIO_MMIO_MAGIC) != VIRTIO_MMIO_MAGIC_VALUE ||
	    mmio_read32(registers + VIRTIO_MMIO_VERSION) != VERSION_MODERN)
		return;
	id = mmio_read32(registers + VIRTIO_MMIO_DEVICE_ID);
	device = id ? virtio_add(&virtio_mmio_transport, id) : NULL;
	if (!device)
		return;
	device->registers = registers;
	device->gsi = gsi;
	device->level = level;
}

/* A property's meaning is known when its node ends. */
static void find_in_tree(void)
{
	struct fdt_value compatible = {0}, reg = {0}, interrupts = {0};
	struct fdt fdt;
	enum fdt_event event;

	if (!fdt_open(&fdt, machine.fdt, machine.fdt_bytes))
		return;
	while ((event = fdt_next(&fdt)) < FDT_EVENT_END) {
		const char *s = NULL;

		if (event == FDT_EVENT_NODE)
			compatible = reg = interrupts = (struct fdt_value){0};
		if (event == FDT_EVENT_PROPERTY && !strcmp(fdt.name, "compatible"))
			compatible = fdt.value;
		if (event == FDT_EVENT_PROPERTY && !strcmp(fdt.name, "reg"))
			reg = fdt.value;
		if (event == FDT_EVENT_PROPERTY && !strcmp(fdt.name, "interrupts"))
			interrupts = fdt.value;
		if (event != FDT_EVENT_NODE_END || !(s = fdt_string_after(&compatible, NULL)))
			continue;
		if (!strcmp(s, "virtio,mmio"))
			probe(fdt_cell_pair(&reg, 0), fdt_cell(&interrupts, 0),
			      fdt_cell(&interrupts, 1) == FDT_LEVEL_HIGH);
		compatible.bytes = 0; /* the parent's end must not find it again */
	}
}

static void find_on_command_line(void)
{
	static const char key[] = "virtio_mmio.device=";
	const char *at = machine.cmdline;

	for (; *at; at++) {
		uint64_t bytes, gpa, gsi;

		if (strncmp(at, key, sizeof(key) - 1))
			continue;
		at += sizeof(key) - 1;
		if (number_parse(&at, &bytes) && *at++ == '@' && number_parse(&at, &gpa) &&
		    *at++ == ':' && number_parse(&at, &gsi))
			probe(gpa, gsi, true);
		at--;
	}
}

void virtio_mmio_find(void)
{
	if (machine.fdt)
		find_in_tree();
	else
		find_on_command_line();
}
