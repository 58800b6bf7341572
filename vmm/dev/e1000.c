/* SPDX-License-Identifier: MIT
 *
 * The e1000 as a device: its PCI face, its thread, and when that thread works. See
 * e1000_internal.h.
 */
#include "dev/e1000.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dev/e1000_internal.h"
#include "loop/loop.h"
#include "loop/loop_thread.h"

#define BAR_MEMORY 0
#define BAR_IO 1
#define MEMORY_BYTES 0x20000
#define IO_BYTES 64
#define IO_ADDRESS 0 /* ports, SDM 13.2.2 */
#define IO_DATA 4
#define BATCHES_PER_TURN 8 /* then other events of the loop get theirs */

static const struct pci_function_ops pci_ops;

/* --- work and rest */

void e1000_ring(struct e1000 *e)
{
	eventfd_write(e->kick_fd, 1); /* full: the thread is awake */
}

void e1000_quiesce(struct e1000 *e)
{
	e->quiescing++;
	while (e->busy)
		pthread_cond_wait(&e->idle, &e->pci.dev.lock);
	e->quiescing--;
	/* The thread may have been refused meanwhile, and what it found may be different now. */
	atomic_store(&e->rx_wanted, true);
	e1000_ring(e);
}

bool e1000_begin_work(struct e1000 *e)
{
	if (e->quiescing)
		return false;
	e->busy = true;
	return true;
}

void e1000_end_work(struct e1000 *e)
{
	e->busy = false;
	if (e->quiescing)
		pthread_cond_broadcast(&e->idle);
}

/* --- the card's thread */

static void serve_tx(struct e1000 *e)
{
	unsigned packets = 0, batches = 0;
	bool more = true;

	for (; more && batches < BATCHES_PER_TURN; batches++)
		more = e1000_tx_batch(e, &packets);
	if (packets)
		batching_update(&e->batching, packets);
	if (more)
		e1000_ring(e);
}

static void serve_rx(struct e1000 *e, bool frames_wait)
{
	for (unsigned i = 0; i < BATCHES_PER_TURN; i++)
		if (!e1000_rx_batch(e, frames_wait))
			return;
	atomic_store(&e->rx_wanted, true);
	e1000_ring(e);
}

/* The eventfd is watched edge-triggered and never read: its counter only grows. */
static void kicked(void *ctx, uint32_t events)
{
	struct e1000 *e = ctx;

	(void)events;
	serve_tx(e);
	if (atomic_exchange(&e->rx_wanted, false))
		serve_rx(e, false);
}

static void readable(void *ctx)
{
	serve_rx(ctx, true);
}

static void writable(void *ctx)
{
	serve_tx(ctx);
}

/* In whatever thread noticed. */
static void link_changed(void *ctx)
{
	struct e1000 *e = ctx;

	pthread_mutex_lock(&e->pci.dev.lock);
	e1000_link_changed(e);
	pthread_mutex_unlock(&e->pci.dev.lock);
}

bool e1000_link_is_up(const struct e1000 *e)
{
	return net_link_is_up(e->net) && e1000_phy_is_powered(e);
}

/* --- accesses */

static uint32_t read_word(struct e1000 *e, unsigned region, uint64_t offset)
{
	if (region == BAR_MEMORY)
		return e1000_register_read(e, (unsigned)offset);
	if (offset == IO_DATA)
		return e1000_register_read(e, e->io_address & (MEMORY_BYTES - 4));
	return offset == IO_ADDRESS ? e->io_address : 0;
}

/* Registers are 32 bits wide (SDM 13.2.1); parts of one can be read, and two at once. */
static uint64_t e1000_read(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	struct e1000 *e = e1000_from(dev);
	uint64_t value = read_word(e, region, offset & ~3ull);

	if (width == 8)
		value |= (uint64_t)read_word(e, region, (offset & ~3ull) + 4) << 32;
	return value >> (offset & 3) * 8;
}

static void write_word(struct e1000 *e, unsigned region, uint64_t offset, uint32_t value)
{
	if (region == BAR_MEMORY)
		e1000_register_write(e, (unsigned)offset, value);
	else if (offset == IO_DATA)
		e1000_register_write(e, e->io_address & (MEMORY_BYTES - 4), value);
	else if (offset == IO_ADDRESS)
		e->io_address = value;
}

static void e1000_write(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			uint64_t value)
{
	struct e1000 *e = e1000_from(dev);

	if (width < 4 || offset & 3)
		return;
	write_word(e, region, offset, (uint32_t)value);
	if (width == 8)
		write_word(e, region, offset + 4, (uint32_t)(value >> 32));
}

static const char *register_name(unsigned region, uint64_t offset, bool is_write)
{
	(void)is_write;
	if (region == BAR_MEMORY)
		return e1000_register_name((unsigned)offset);
	return offset == IO_ADDRESS ? "IOADDR" : offset == IO_DATA ? "IODATA" : NULL;
}

/* Bus mastering went, or came back. */
static void config_written(struct pci_function *fn, unsigned offset, unsigned width)
{
	(void)width;
	if (offset <= PCI_COMMAND + 1)
		e1000_quiesce((struct e1000 *)fn);
}

/* --- life */

static int start_thread(struct e1000 *e)
{
	struct loop *loop;
	int err = loop_thread_create("e1000", &e->thread);

	if (err)
		return err;
	loop = loop_thread_loop(e->thread);
	e->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = e->kick_fd < 0 ? -errno : loop_timer_create(loop, e1000_timer_expired, e, &e->timer);
	if (!err)
		err = loop_add_fd(loop, e->kick_fd, EPOLLIN | EPOLLET, kicked, e);
	if (!err) {
		e1000_reset(e);
		err = net_listen(e->net, 0, loop, readable, writable, e);
	}
	if (!err)
		net_on_link_change(e->net, link_changed, e);
	return err ? err : loop_thread_start(e->thread);
}

static void e1000_destroy(struct device *dev)
{
	struct e1000 *e = e1000_from(dev);

	net_on_link_change(e->net, NULL, NULL);
	if (e->thread) {
		loop_thread_stop(e->thread);
		net_listen(e->net, 0, loop_thread_loop(e->thread), NULL, NULL, NULL);
		loop_timer_destroy(e->timer);
		loop_thread_destroy(e->thread);
	}
	if (e->kick_fd >= 0)
		close(e->kick_fd);
	e1000_tx_destroy(e->tx);
	e1000_rx_destroy(e->rx);
	pthread_cond_destroy(&e->idle);
}

static void stand_on(struct e1000 *e, struct net *net)
{
	struct net_info info = net_get_info(net);

	e->net = net;
	e->mtu = info.mtu ? info.mtu : 1500;
	e->offloads = info.offloads;
	memcpy(e->mac, info.mac, sizeof(e->mac));
	net_set_offloads(net, 0); /* the chip gives its driver whole frames with whole checksums */
}

static int e1000_realize(struct device *dev, const struct device_setup *setup)
{
	struct e1000 *e = e1000_from(dev);
	const struct nic_options *options = setup->options;
	int err;

	if (!options || !options->net || !setup->mem)
		return -EINVAL;
	pci_function_init(&e->pci, &pci_ops);
	pci_add_bar(&e->pci, BAR_MEMORY, BUS_MMIO, MEMORY_BYTES);
	pci_add_bar(&e->pci, BAR_IO, BUS_PIO, IO_BYTES);
	e->mem = setup->mem;
	e->kick_fd = -1;
	stand_on(e, options->net);
	pthread_cond_init(&e->idle, NULL);
	e1000_eeprom_fill(&e->eeprom, e->mac);
	e1000_phy_reset(e);
	err = e1000_tx_create(&e->tx);
	if (!err)
		err = e1000_rx_create(&e->rx);
	if (!err)
		err = start_thread(e);
	if (err)
		e1000_destroy(dev);
	return err;
}

static bool queue(struct device *dev, unsigned index, struct queue_counters *out)
{
	return nic_queue_counters(&((struct e1000 *)dev)->counters, index, out);
}

static bool figure(struct device *dev, unsigned index, struct device_figure *out)
{
	return nic_figure(&((struct e1000 *)dev)->counters, index, out);
}

static const struct pci_function_ops pci_ops = {
	.vendor = 0x8086,
	.device = 0x100e,
	.subsystem_vendor = 0x8086,
	.subsystem = 0x001e,
	.class_revision = 0x02000002,
	.config_written = config_written,
};

const struct device_ops e1000_ops = {
	.name = "e1000",
	.state_bytes = sizeof(struct e1000),
	.realize = e1000_realize,
	.read = e1000_read,
	.write = e1000_write,
	.register_name = register_name,
	.destroy = e1000_destroy,
	.queue = queue,
	.figure = figure,
};
