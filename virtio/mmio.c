/* SPDX-License-Identifier: MIT
 *
 * The registers of virtio 1.2 §4.2.2, in a page that always holds what a read of them gives. See mmio.h.
 *
 * InterruptACK is a doorbell, so nobody sees what was acknowledged, or when. Bit 0 of InterruptStatus
 * (used buffer) therefore stays set once it was set: an edge-triggered interrupt of a driver that
 * then looks into its rings loses nothing by that, while clearing it late could lose one. Bit 1
 * (configuration change) is rare and must be exact: while it is set, the doorbell is
 * taken away, and the write that acknowledges it comes here.
 */
#include "virtio/mmio.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "board/board.h"
#include "bus/wiring.h"
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

#define MAGIC 0x74726976 /* "virt" */
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
	int notify_fd; /* the doorbell behind QueueNotify: the kick of queue 0, or one that wakes all */
	int ack_fd;    /* the doorbell behind InterruptACK; nobody reads it */
	bool ack_wired;
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

/* The eventfd goes straight to the interrupt controller where that is possible. */
static void send_interrupt(struct virtio_mmio *mmio, uint32_t cause)
{
	_Atomic uint32_t *status =
		(_Atomic uint32_t *)mmio->options.page + INTERRUPT_STATUS / 4;
	uint64_t one = 1;

	atomic_fetch_or_explicit(status, cause, memory_order_release);
	if (write(mmio->call_fd, &one, sizeof(one)) < 0)
		return; /* full: an interrupt is pending anyway */
}

static void interrupt(struct virtio_device *vdev, unsigned queue)
{
	(void)queue;
	send_interrupt(vdev->transport_ctx, INTERRUPT_USED);
}
