/* SPDX-License-Identifier: MIT
 *
 * The registers of virtio 1.2 §4.2.2, in a page that always holds what a read of them gives. See mmio.h.
 *
 * InterruptACK is a doorbell, so nobody sees what was acknowledged, or when. Bit 0 of InterruptStatus
 * (used buffer) therefore stays set once it was set: an edge-triggered interrupt of a driver that
 * then looks into its rings loses nothing by that, while clearing it late could lose one. Bit 1
 * (configuration change) is rare and must be exact: while it is set, the doorbell is
 * taken away, and the write that acknowledges it comes here.
 *
 * page_lock guards what more than one thread brings up to date: status, configuration, and that doorbell.
 */
#include "virtio/mmio.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "board/board.h"
#include "bus/wiring.h"
#include "observe/counters.h"
#include "virtio/device.h"

enum {
	MAGIC_VALUE = 0x000,
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	VENDOR_ID = 0x00c,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	QUEUE_SEL = 0x030,
	QUEUE_NUM_MAX = 0x034,
	QUEUE_NUM = 0x038,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC_LOW = 0x080,
	QUEUE_DRIVER_LOW = 0x090,
	QUEUE_DEVICE_LOW = 0x0a0,
	QUEUE_DEVICE_HIGH = 0x0a4,
	SHM_LEN_LOW = 0x0b0,
	SHM_BASE_HIGH = 0x0bc,
	QUEUE_RESET = 0x0c0,
	CONFIG_GENERATION = 0x0fc,
	CONFIG = 0x100
};

#define MAGIC 0x74726976  /* "virt" */
#define VENDOR 0x5254494e /* "NITR" */
#define INTERRUPT_USED 1u
#define INTERRUPT_CONFIG 2u

struct virtio_mmio {
	struct device dev;
	struct virtio_device *vdev;
	struct virtio_mmio_options options;
	const struct wiring *wiring;
	struct irq_line irq;
	int call_fd;
	int ack_fd; /* the doorbell behind InterruptACK; nobody reads it */
	pthread_mutex_t page_lock;
	bool ack_wired; /* page_lock */
	uint32_t features_sel, driver_features_sel, queue_sel;
};

/* The page is read by the guest at any time: one aligned store for each register. */
static void set(struct virtio_mmio *mmio, unsigned offset, uint32_t value)
{
	_Atomic uint32_t *page = mmio->options.page;

	atomic_store_explicit(&page[offset / 4], value, memory_order_release);
}

static uint32_t get(struct virtio_mmio *mmio, unsigned offset)
{
	_Atomic uint32_t *page = mmio->options.page;

	return atomic_load_explicit(&page[offset / 4], memory_order_acquire);
}

static void add_cause(struct virtio_mmio *mmio, uint32_t cause)
{
	_Atomic uint32_t *page = mmio->options.page;

	atomic_fetch_or_explicit(&page[INTERRUPT_STATUS / 4], cause, memory_order_release);
}

/* The eventfd goes straight to the interrupt controller where that is possible. */
static void send_interrupt(struct virtio_mmio *mmio, uint32_t cause)
{
	add_cause(mmio, cause);
	eventfd_write(mmio->call_fd, 1); /* full: an interrupt is pending anyway */
}

static void interrupt(struct virtio_device *vdev, unsigned queue)
{
	(void)queue;
	send_interrupt(vdev->transport_ctx, INTERRUPT_USED);
}

/* Takes the acknowledgement's doorbell away, so that the next one exits to us. page_lock held. */
static void unwire_ack(struct virtio_mmio *mmio)
{
	const struct wiring *wiring = mmio->wiring;

	if (mmio->ack_wired)
		wiring->remove_doorbell(wiring->kvm, BUS_MMIO, mmio->options.gpa + INTERRUPT_ACK, 0,
					0, mmio->ack_fd);
	mmio->ack_wired = false;
}

/* And gives it back; where KVM does not take it, all acknowledgements come to us. page_lock held. */
static void wire_ack(struct virtio_mmio *mmio)
{
	const struct wiring *wiring = mmio->wiring;

	if (!mmio->ack_wired)
		mmio->ack_wired = !wiring->add_doorbell(wiring->kvm, BUS_MMIO,
							mmio->options.gpa + INTERRUPT_ACK, 0, 0,
							mmio->ack_fd);
}

/* §4.2.2.1: the generation is different before and after a change, and while it happens. A driver that reads
 * twice while this is in the middle is put right by the interrupt that follows. page_lock held. */
static void refresh_config(struct virtio_mmio *mmio)
{
	uint8_t bytes[VIRTIO_CONFIG_MAX];

	virtio_read_config(mmio->vdev, 0, bytes, sizeof(bytes));
	set(mmio, CONFIG_GENERATION, get(mmio, CONFIG_GENERATION) + 1);
	memcpy((uint8_t *)mmio->options.page + CONFIG, bytes, sizeof(bytes));
	set(mmio, CONFIG_GENERATION, get(mmio, CONFIG_GENERATION) + 1);
}

static void refresh_page(struct virtio_device *vdev)
{
	struct virtio_mmio *mmio = vdev->transport_ctx;

	pthread_mutex_lock(&mmio->page_lock);
	set(mmio, STATUS, vdev->status);
	refresh_config(mmio);
	pthread_mutex_unlock(&mmio->page_lock);
}

/* Not where a reset was faster: that has cleared InterruptStatus, or will. */
static void config_interrupt(struct virtio_device *vdev)
{
	struct virtio_mmio *mmio = vdev->transport_ctx;

	pthread_mutex_lock(&mmio->page_lock);
	if (vdev->status & VIRTIO_STATUS_DRIVER_OK) {
		unwire_ack(mmio);
		send_interrupt(mmio, INTERRUPT_CONFIG);
	}
	pthread_mutex_unlock(&mmio->page_lock);
}

static int call_fd(struct virtio_device *vdev, unsigned queue)
{
	struct virtio_mmio *mmio = vdev->transport_ctx;

	(void)queue;
	add_cause(mmio, INTERRUPT_USED);
	return mmio->call_fd;
}

static const struct virtio_transport_ops transport_ops = {
	.interrupt = interrupt,
	.config_interrupt = config_interrupt,
	.call_fd = call_fd,
	.refresh = refresh_page,
};

/* Brings everything that depends on a selector, or on the device's state, up to date. */
static void refresh(struct virtio_mmio *mmio)
{
	struct virtio_device *vdev = mmio->vdev;
	const struct virtio_queue *queue = mmio->queue_sel < vdev->queue_count
						   ? vdev->queue[mmio->queue_sel]
						   : NULL;

	set(mmio, DEVICE_FEATURES,
	    mmio->features_sel < 2 ? (uint32_t)(vdev->offered >> mmio->features_sel * 32) : 0);
	set(mmio, QUEUE_NUM_MAX, queue ? virtq_size_max(queue->ring) : 0);
	set(mmio, QUEUE_READY, queue ? queue->enabled : 0);
	set(mmio, QUEUE_RESET, 0);
	pthread_mutex_lock(&mmio->page_lock);
	set(mmio, STATUS, vdev->status);
	pthread_mutex_unlock(&mmio->page_lock);
}

/* One wildcard doorbell where all kicks go to one queue: KVM's fast path; else one per queue. */
static int wire_doorbells(struct virtio_mmio *mmio)
{
	const struct wiring *wiring = mmio->wiring;
	struct virtio_device *vdev = mmio->vdev;
	uint64_t addr = mmio->options.gpa + QUEUE_NOTIFY;
	int err = 0;

	for (unsigned i = 0; !err && i < vdev->queue_count; i++)
		err = wiring->add_doorbell(wiring->kvm, BUS_MMIO, addr,
					   vdev->queue_count > 1 ? 4 : 0, i,
					   vdev->queue[i]->kick_fd);
	if (!err)
		err = wiring->add_irqfd(wiring->kvm, mmio->irq.gsi, mmio->call_fd);
	pthread_mutex_lock(&mmio->page_lock);
	if (!err)
		wire_ack(mmio);
	pthread_mutex_unlock(&mmio->page_lock);
	return err;
}

static int create_device(struct virtio_mmio *mmio, const struct device_setup *setup)
{
	const struct board_plugin *plugin = mmio->options.plugin;
	struct device_setup model_setup = *setup;
	int err;

	model_setup.options = plugin->options;
	err = virtio_device_create(plugin->model, plugin->name, &model_setup, plugin->ring_features,
				   &mmio->vdev);
	if (err)
		return err;
	mmio->vdev->transport = &transport_ops;
	mmio->vdev->transport_ctx = mmio;
	return 0;
}

/* The registers that are the same for ever, and the others as they are after a reset. */
static void fill_page(struct virtio_mmio *mmio)
{
	set(mmio, MAGIC_VALUE, MAGIC);
	set(mmio, VERSION, 2);
	set(mmio, DEVICE_ID, mmio->vdev->model->device_id);
	set(mmio, VENDOR_ID, VENDOR);
	for (unsigned offset = SHM_LEN_LOW; offset <= SHM_BASE_HIGH; offset += 4)
		set(mmio, offset, UINT32_MAX); /* §4.2.2: there is no shared memory */
	refresh(mmio);
	refresh_page(mmio->vdev);
}

static void virtio_mmio_destroy(struct device *dev)
{
	struct virtio_mmio *mmio = (struct virtio_mmio *)dev;

	virtio_device_destroy(mmio->vdev);
	if (mmio->call_fd >= 0)
		close(mmio->call_fd);
	if (mmio->ack_fd >= 0)
		close(mmio->ack_fd);
	pthread_mutex_destroy(&mmio->page_lock);
}

static int virtio_mmio_realize(struct device *dev, const struct device_setup *setup)
{
	struct virtio_mmio *mmio = (struct virtio_mmio *)dev;
	int err = 0;

	mmio->options = *(const struct virtio_mmio_options *)setup->options;
	mmio->wiring = setup->wiring;
	mmio->irq = setup->irq;
	mmio->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	mmio->ack_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&mmio->page_lock, NULL);
	if (mmio->call_fd < 0 || mmio->ack_fd < 0)
		err = -errno;
	if (!err)
		err = create_device(mmio, setup);
	if (!err) {
		fill_page(mmio);
		err = wire_doorbells(mmio);
	}
	if (err)
		virtio_mmio_destroy(dev);
	return err;
}

/* §4.2.2: registers are 32 bits wide; configuration space takes any width. */
static uint64_t virtio_mmio_read(struct device *dev, unsigned region, uint64_t offset,
				 unsigned width)
{
	struct virtio_mmio *mmio = (struct virtio_mmio *)dev;
	uint64_t value = 0;

	(void)region;
	if (offset < CONFIG)
		return width == 4 && offset % 4 == 0 ? get(mmio, (unsigned)offset) : 0;
	pthread_mutex_lock(&mmio->page_lock);
	memcpy(&value, (const uint8_t *)mmio->options.page + offset, width);
	pthread_mutex_unlock(&mmio->page_lock);
	return value;
}

static void acknowledge(struct virtio_mmio *mmio, uint32_t value)
{
	_Atomic uint32_t *page = mmio->options.page;

	pthread_mutex_lock(&mmio->page_lock);
	if (value & INTERRUPT_CONFIG) {
		atomic_fetch_and(&page[INTERRUPT_STATUS / 4], ~INTERRUPT_CONFIG);
		wire_ack(mmio);
	}
	pthread_mutex_unlock(&mmio->page_lock);
}

static void write_status(struct virtio_mmio *mmio, uint32_t value)
{
	virtio_write_status(mmio->vdev, (uint8_t)value);
	if (value & UINT8_MAX)
		return;
	pthread_mutex_lock(&mmio->page_lock);
	set(mmio, INTERRUPT_STATUS, 0);
	wire_ack(mmio);
	refresh_config(mmio);
	pthread_mutex_unlock(&mmio->page_lock);
}

static void put_half(uint64_t *gpa, unsigned high, uint32_t value)
{
	uint64_t mask = 0xffffffffULL << high * 32;

	*gpa = (*gpa & ~mask) | (uint64_t)value << high * 32;
}

/* Registers of the selected queue. §4.2.3.2: its addresses are fixed once it is ready. */
static void write_queue(struct virtio_mmio *mmio, unsigned offset, uint32_t value)
{
	struct virtio_device *vdev = mmio->vdev;
	struct virtio_queue *queue = mmio->queue_sel < vdev->queue_count
					     ? vdev->queue[mmio->queue_sel]
					     : NULL;
	unsigned high = offset / 4 % 2;

	if (!queue)
		return;
	if (offset == QUEUE_RESET && value == 1 && virtio_has(vdev, VIRTIO_F_RING_RESET))
		virtio_reset_queue(vdev, queue->index);
	else if (offset == QUEUE_READY && value == 0)
		virtio_reset_queue(vdev, queue->index);
	else if (queue->enabled)
		return;
	else if (offset == QUEUE_READY && value == 1)
		virtio_enable_queue(vdev, queue->index);
	else if (offset == QUEUE_NUM)
		queue->config.size = value <= UINT16_MAX ? (uint16_t)value : 0;
	else if ((offset & ~4u) == QUEUE_DESC_LOW)
		put_half(&queue->config.desc_gpa, high, value);
	else if ((offset & ~4u) == QUEUE_DRIVER_LOW)
		put_half(&queue->config.driver_gpa, high, value);
	else if ((offset & ~4u) == QUEUE_DEVICE_LOW)
		put_half(&queue->config.device_gpa, high, value);
}

static void write_register(struct virtio_mmio *mmio, unsigned offset, uint32_t value)
{
	switch (offset) {
	case DEVICE_FEATURES_SEL: mmio->features_sel = value; break;
	case DRIVER_FEATURES_SEL: mmio->driver_features_sel = value; break;
	case DRIVER_FEATURES:
		virtio_write_features(mmio->vdev, mmio->driver_features_sel, value);
		break;
	case QUEUE_SEL: mmio->queue_sel = value; break;
	case QUEUE_NOTIFY: /* when KVM did not take the doorbell */
		if (value < mmio->vdev->queue_count)
			virtio_queue_kick(mmio->vdev->queue[value]);
		return;
	case INTERRUPT_ACK: acknowledge(mmio, value); return;
	case STATUS: write_status(mmio, value); break;
	case QUEUE_NUM:
	case QUEUE_READY:
	case QUEUE_RESET: write_queue(mmio, offset, value); break;
	default:
		if (offset >= QUEUE_DESC_LOW && offset <= QUEUE_DEVICE_HIGH)
			write_queue(mmio, offset, value);
		break;
	}
	refresh(mmio);
}

static void virtio_mmio_write(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			      uint64_t value)
{
	struct virtio_mmio *mmio = (struct virtio_mmio *)dev;

	(void)region;
	if (offset >= CONFIG) {
		virtio_write_config(mmio->vdev, (unsigned)offset - CONFIG, &value, width);
		refresh_page(mmio->vdev);
	} else if (width == 4 && offset % 4 == 0) {
		write_register(mmio, (unsigned)offset, (uint32_t)value);
	}
}

static const char *virtio_mmio_register_name(unsigned region, uint64_t offset, bool is_write)
{
	static const struct {
		uint16_t offset;
		const char *name;
	} name[] = {
		{MAGIC_VALUE, "MagicValue"},
		{VERSION, "Version"},
		{DEVICE_ID, "DeviceID"},
		{VENDOR_ID, "VendorID"},
		{DEVICE_FEATURES, "DeviceFeatures"},
		{DEVICE_FEATURES_SEL, "DeviceFeaturesSel"},
		{DRIVER_FEATURES, "DriverFeatures"},
		{DRIVER_FEATURES_SEL, "DriverFeaturesSel"},
		{QUEUE_SEL, "QueueSel"},
		{QUEUE_NUM_MAX, "QueueNumMax"},
		{QUEUE_NUM, "QueueNum"},
		{QUEUE_READY, "QueueReady"},
		{QUEUE_NOTIFY, "QueueNotify"},
		{INTERRUPT_STATUS, "InterruptStatus"},
		{INTERRUPT_ACK, "InterruptACK"},
		{STATUS, "Status"},
		{QUEUE_DESC_LOW, "QueueDescLow"},
		{QUEUE_DESC_LOW + 4, "QueueDescHigh"},
		{QUEUE_DRIVER_LOW, "QueueDriverLow"},
		{QUEUE_DRIVER_LOW + 4, "QueueDriverHigh"},
		{QUEUE_DEVICE_LOW, "QueueDeviceLow"},
		{QUEUE_DEVICE_HIGH, "QueueDeviceHigh"},
		{QUEUE_RESET, "QueueReset"},
		{CONFIG_GENERATION, "ConfigGeneration"},
	};

	(void)region;
	(void)is_write;
	for (unsigned i = 0; i < sizeof(name) / sizeof(*name); i++)
		if (name[i].offset == offset)
			return name[i].name;
	return offset >= CONFIG ? "Config" : NULL;
}

static bool virtio_mmio_queue(struct device *dev, unsigned index, struct queue_counters *out)
{
	return virtio_queue_counters(((struct virtio_mmio *)dev)->vdev, index, out);
}

static bool virtio_mmio_figure(struct device *dev, unsigned index, struct device_figure *out)
{
	return virtio_device_figure(((struct virtio_mmio *)dev)->vdev, index, out);
}

const struct device_ops virtio_mmio_ops = {
	.name = "virtio-mmio",
	.state_bytes = sizeof(struct virtio_mmio),
	.realize = virtio_mmio_realize,
	.read = virtio_mmio_read,
	.write = virtio_mmio_write,
	.register_name = virtio_mmio_register_name,
	.destroy = virtio_mmio_destroy,
	.queue = virtio_mmio_queue,
	.figure = virtio_mmio_figure,
};
