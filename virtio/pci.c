/* SPDX-License-Identifier: MIT
 *
 * Capabilities, BARs, doorbells and interrupts of virtio 1.2 §4.1. See pci.h; the common configuration is in
 * pci_common.c.
 */
#include "virtio/pci.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "board/board.h"
#include "bus/pci.h"
#include "bus/wiring.h"
#include "loop/loop.h"
#include "observe/counters.h"
#include "virtio/device.h"
#include "virtio/pci_internal.h"

#define VENDOR_VIRTIO 0x1af4
#define DEVICE_MODERN 0x1040 /* and the device's type, §4.1.2.1 */
#define REVISION_MODERN 1

enum { BAR_REGISTERS, BAR_MSIX, BAR_NOTIFY };

/* Where the structures lie in BAR_REGISTERS; a page each, as a hypervisor under us may map them apart. */
#define COMMON_OFFSET 0x0000
#define ISR_OFFSET 0x1000
#define DEVICE_OFFSET 0x2000
#define REGISTERS_BYTES 0x4000
#define NOTIFY_STRIDE 4
#define NOTIFY_BYTES (VIRTIO_QUEUE_MAX * NOTIFY_STRIDE)

/* §4.1.4 */
enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_PCI };
enum { CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_EXTRA = 16 };

#define ISR_USED 1u
#define ISR_CONFIG 2u

/* --- interrupts */

/* An eventfd that is full has an interrupt pending anyway. */
static void send_interrupt(struct virtio_pci *pci, uint16_t vector, uint32_t cause)
{
	int fd;

	if (!pci->msix_enabled) {
		atomic_fetch_or(&pci->causes, cause);
		eventfd_write(pci->intx_fd, 1);
		return;
	}
	fd = msix_fd(&pci->fn, vector);
	if (fd >= 0)
		eventfd_write(fd, 1);
}

static void interrupt(struct virtio_device *vdev, unsigned queue)
{
	struct virtio_pci *pci = vdev->transport_ctx;

	send_interrupt(pci, pci->queue_vector[queue], ISR_USED);
}

static void config_interrupt(struct virtio_device *vdev)
{
	struct virtio_pci *pci = vdev->transport_ctx;

	send_interrupt(pci, pci->config_vector, ISR_CONFIG);
}

static int call_fd(struct virtio_device *vdev, unsigned queue)
{
	struct virtio_pci *pci = vdev->transport_ctx;

	return pci->msix_enabled ? msix_fd(&pci->fn, pci->queue_vector[queue]) : pci->intx_fd;
}

static const struct virtio_transport_ops transport_ops = {
	.interrupt = interrupt,
	.config_interrupt = config_interrupt,
	.call_fd = call_fd,
};

/* Rung without a cause: by a vhost back end, for used buffers. What comes when the driver has gone, or uses MSI-X,
 * asserts nothing: nobody would read it away. */
static void assert_intx(void *ctx, uint32_t events)
{
	struct virtio_pci *pci = ctx;
	uint32_t causes;

	(void)events;
	pthread_mutex_lock(&pci->fn.dev.lock);
	causes = atomic_exchange(&pci->causes, 0);
	if (pci->vdev->status & VIRTIO_STATUS_DRIVER_OK && !pci->msix_enabled) {
		pci->isr |= causes ? causes : ISR_USED;
		pci_set_intx(&pci->fn, true);
	}
	pthread_mutex_unlock(&pci->fn.dev.lock);
}

/* §4.1.4.5: reading acknowledges. */
uint32_t virtio_pci_read_isr(struct virtio_pci *pci)
{
	uint32_t isr = pci->isr;

	pci->isr = 0;
	pci_set_intx(&pci->fn, false);
	return isr;
}

/* --- doorbells follow their BAR */

static void bar_moved(struct pci_function *fn, unsigned bar, uint64_t old_base, uint64_t base)
{
	struct virtio_pci *pci = (struct virtio_pci *)fn;
	const struct wiring *wiring = pci->wiring;

	if (bar != BAR_NOTIFY || !wiring)
		return;
	for (unsigned i = 0; i < pci->vdev->queue_count; i++) {
		int fd = pci->vdev->queue[i]->kick_fd;

		if (old_base)
			wiring->remove_doorbell(wiring->kvm, BUS_PIO, old_base + i * NOTIFY_STRIDE,
						0, 0, fd);
		/* where that fails the write exits to us and rings just the same */
		if (base)
			wiring->add_doorbell(wiring->kvm, BUS_PIO, base + i * NOTIFY_STRIDE, 0, 0,
					     fd);
	}
}

/* --- BARs */

static uint64_t read_device_config(struct virtio_pci *pci, uint64_t offset, unsigned width)
{
	uint64_t value = 0;

	virtio_read_config(pci->vdev, (unsigned)offset, &value, width);
	return value;
}

static uint64_t virtio_pci_read(struct device *dev, unsigned region, uint64_t offset,
				unsigned width)
{
	struct virtio_pci *pci = (struct virtio_pci *)dev;

	if (region == BAR_MSIX)
		return msix_read(&pci->fn, offset, width);
	if (region != BAR_REGISTERS)
		return 0;
	if (offset >= DEVICE_OFFSET)
		return read_device_config(pci, offset - DEVICE_OFFSET, width);
	if (offset >= ISR_OFFSET)
		return offset == ISR_OFFSET ? virtio_pci_read_isr(pci) : 0;
	return virtio_pci_read_common(pci, offset, width);
}

static void virtio_pci_write(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			     uint64_t value)
{
	struct virtio_pci *pci = (struct virtio_pci *)dev;

	if (region == BAR_MSIX)
		msix_write(&pci->fn, offset, width, value);
	else if (region == BAR_NOTIFY && offset / NOTIFY_STRIDE < pci->vdev->queue_count)
		virtio_queue_kick(pci->vdev->queue[offset / NOTIFY_STRIDE]);
	else if (region == BAR_REGISTERS && offset >= DEVICE_OFFSET)
		virtio_write_config(pci->vdev, (unsigned)(offset - DEVICE_OFFSET), &value, width);
	else if (region == BAR_REGISTERS && offset < ISR_OFFSET)
		virtio_pci_write_common(pci, offset, width, value);
}

/* --- the window into the BARs from configuration space, §4.1.4.9: for guests that can't map them yet */

static bool window_target(struct virtio_pci *pci, unsigned *bar, uint64_t *offset, unsigned *width)
{
	*bar = pci->fn.config[pci->window + CAP_BAR];
	*offset = pci_get32(&pci->fn, pci->window + CAP_OFFSET);
	*width = pci_get32(&pci->fn, pci->window + CAP_LENGTH);
	return *bar < PCI_BAR_COUNT && (*width == 1 || *width == 2 || *width == 4) &&
	       *offset % *width == 0 && *offset < pci->fn.bar[*bar].size_bytes;
}

static bool is_window_data(const struct virtio_pci *pci, unsigned offset, unsigned width)
{
	unsigned data = pci->window + CAP_EXTRA;

	return offset < data + 4 && offset + width > data;
}

static void config_read(struct pci_function *fn, unsigned offset, unsigned width)
{
	struct virtio_pci *pci = (struct virtio_pci *)fn;
	unsigned bar;
	uint64_t at;

	if (is_window_data(pci, offset, width) && window_target(pci, &bar, &at, &width))
		pci_put32(fn, pci->window + CAP_EXTRA,
			  (uint32_t)virtio_pci_read(&fn->dev, bar, at, width));
}

static void config_written(struct pci_function *fn, unsigned offset, unsigned width)
{
	struct virtio_pci *pci = (struct virtio_pci *)fn;
	unsigned bar;
	uint64_t at;

	pci->msix_enabled = msix_is_enabled(fn);
	if (is_window_data(pci, offset, width) && window_target(pci, &bar, &at, &width)) {
		uint32_t value = pci_get32(fn, pci->window + CAP_EXTRA);

		if (width < 4)
			value &= (1u << width * 8) - 1;
		virtio_pci_write(&fn->dev, bar, at, width, value);
	}
}

/* --- life cycle */

static unsigned add_capability(struct pci_function *fn, uint8_t type, uint8_t bar, uint32_t offset,
			       uint32_t length, unsigned extra_bytes)
{
	unsigned size = CAP_EXTRA + extra_bytes;
	unsigned cap = pci_add_capability(fn, PCI_CAP_VENDOR, size);

	fn->config[cap + 2] = (uint8_t)size;
	fn->config[cap + CAP_TYPE] = type;
	fn->config[cap + CAP_BAR] = bar;
	pci_put32(fn, cap + CAP_OFFSET, offset);
	pci_put32(fn, cap + CAP_LENGTH, length);
	return cap;
}

static void add_capabilities(struct virtio_pci *pci)
{
	struct pci_function *fn = &pci->fn;
	unsigned cap;

	add_capability(fn, CAP_COMMON, BAR_REGISTERS, COMMON_OFFSET, VIRTIO_PCI_COMMON_BYTES, 0);
	add_capability(fn, CAP_ISR, BAR_REGISTERS, ISR_OFFSET, 1, 0);
	if (pci->vdev->config_bytes)
		add_capability(fn, CAP_DEVICE, BAR_REGISTERS, DEVICE_OFFSET,
			       pci->vdev->config_bytes, 0);
	cap = add_capability(fn, CAP_NOTIFY, BAR_NOTIFY, 0, NOTIFY_BYTES, 4);
	pci_put32(fn, cap + CAP_EXTRA, NOTIFY_STRIDE);
	pci->window = add_capability(fn, CAP_PCI, 0, 0, 0, 4);
	pci_set_writable(fn, pci->window + CAP_BAR, 0xff);
	pci_set_writable(fn, pci->window + CAP_OFFSET, UINT32_MAX);
	pci_set_writable(fn, pci->window + CAP_LENGTH, UINT32_MAX);
	pci_set_writable(fn, pci->window + CAP_EXTRA, UINT32_MAX);
}

static void init_function(struct virtio_pci *pci)
{
	const struct virtio_model *model = pci->vdev->model;

	pci->identity = (struct pci_function_ops){
		.vendor = VENDOR_VIRTIO,
		.device = (uint16_t)(DEVICE_MODERN + model->device_id),
		.subsystem_vendor = VENDOR_VIRTIO,
		.subsystem = (uint16_t)(DEVICE_MODERN + model->device_id),
		.class_revision = model->pci_class << 8 | REVISION_MODERN,
		.bar_moved = bar_moved,
		.config_written = config_written,
		.config_read = config_read,
	};
	pci_function_init(&pci->fn, &pci->identity);
	pci_add_bar(&pci->fn, BAR_REGISTERS, BUS_MMIO, REGISTERS_BYTES);
	pci_add_bar(&pci->fn, BAR_NOTIFY, BUS_PIO, NOTIFY_BYTES);
	add_capabilities(pci);
}

static void virtio_pci_destroy(struct device *dev)
{
	struct virtio_pci *pci = (struct virtio_pci *)dev;

	virtio_device_destroy(pci->vdev);
	msix_destroy(&pci->fn);
	if (pci->intx_fd >= 0) {
		loop_remove_fd(pci->loop, pci->intx_fd);
		close(pci->intx_fd);
	}
}

static int create_device(struct virtio_pci *pci, const struct device_setup *setup)
{
	const struct board_plugin *plugin = setup->options;
	struct device_setup model_setup = *setup;
	int err;

	model_setup.options = plugin->options;
	err = virtio_device_create(plugin->model, plugin->name, &model_setup, plugin->ring_features,
				   &pci->vdev);
	if (err)
		return err;
	pci->vdev->transport = &transport_ops;
	pci->vdev->transport_ctx = pci;
	return 0;
}

static int virtio_pci_realize(struct device *dev, const struct device_setup *setup)
{
	struct virtio_pci *pci = (struct virtio_pci *)dev;
	int err;

	pci->wiring = setup->wiring;
	pci->loop = setup->loop;
	virtio_pci_reset_vectors(pci);
	pci->intx_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pci->intx_fd < 0)
		return -errno;
	err = create_device(pci, setup);
	if (!err) {
		init_function(pci);
		err = msix_create(&pci->fn, BAR_MSIX, pci->vdev->queue_count + 1, pci->wiring);
	}
	if (!err)
		err = loop_add_fd(pci->loop, pci->intx_fd, EPOLLIN | EPOLLET, assert_intx, pci);
	if (err)
		virtio_pci_destroy(dev);
	return err;
}

static const char *virtio_pci_register_name(unsigned region, uint64_t offset, bool is_write)
{
	(void)is_write;
	switch (region) {
	case BAR_REGISTERS:
		return offset >= DEVICE_OFFSET ? "device configuration"
		       : offset >= ISR_OFFSET  ? "ISR status"
					       : "common configuration";
	case BAR_MSIX: return "MSI-X table";
	case BAR_NOTIFY: return "notify";
	default: return NULL;
	}
}

static bool virtio_pci_queue(struct device *dev, unsigned index, struct queue_counters *out)
{
	return virtio_queue_counters(((struct virtio_pci *)dev)->vdev, index, out);
}

static bool virtio_pci_figure(struct device *dev, unsigned index, struct device_figure *out)
{
	return virtio_device_figure(((struct virtio_pci *)dev)->vdev, index, out);
}

const struct device_ops virtio_pci_ops = {
	.name = "virtio-pci",
	.state_bytes = sizeof(struct virtio_pci),
	.realize = virtio_pci_realize,
	.read = virtio_pci_read,
	.write = virtio_pci_write,
	.register_name = virtio_pci_register_name,
	.destroy = virtio_pci_destroy,
	.queue = virtio_pci_queue,
	.figure = virtio_pci_figure,
};
