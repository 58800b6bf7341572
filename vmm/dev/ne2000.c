/* SPDX-License-Identifier: MIT
 *
 * The NE2000 as a device: its PCI face, its ports, its thread. See ne2000_internal.h.
 */
#include "dev/ne2000.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus/wiring.h"
#include "dev/ne2000_internal.h"
#include "loop/loop.h"
#include "loop/loop_thread.h"

#define BAR_PORTS 0
#define PORTS 32
#define PORT_DATA 0x10
#define PORT_RESET 0x18 /* to 0x1f; drivers use the last */
#define PROM_SIGNATURE 0x57
#define PROM_SIGNATURE_AT 28 /* twice two bytes */

void ne2000_ring(struct ne2000 *n)
{
	eventfd_write(n->kick_fd, 1); /* full: the thread is awake */
}

/* --- the card's thread. The eventfd is watched edge-triggered and never read. */

static void kicked(void *ctx, uint32_t events)
{
	(void)events;
	ne2000_send(ctx);
	ne2000_receive(ctx);
}

static void readable(void *ctx)
{
	ne2000_receive(ctx);
}

static void writable(void *ctx)
{
	ne2000_send(ctx);
}

/* --- accesses */

static uint64_t ne2000_read(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	struct ne2000 *n = (struct ne2000 *)dev;
	uint64_t value = 0;

	(void)region;
	if (offset >= PORT_RESET) {
		ne2000_reset(n);
		return 0;
	}
	if (offset >= PORT_DATA)
		return ne2000_data_read(n, width < 4 ? width : 4);
	for (unsigned i = 0; i < width && offset + i < PORT_DATA; i++)
		value |= (uint64_t)ne2000_register_read(n, (unsigned)offset + i) << i * 8;
	return value;
}

/* The card is reset by a read of the port; drivers then write back what they read. */
static void ne2000_write(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			 uint64_t value)
{
	struct ne2000 *n = (struct ne2000 *)dev;

	(void)region;
	if (offset >= PORT_RESET)
		return;
	if (offset >= PORT_DATA) {
		ne2000_data_write(n, width < 4 ? width : 4, (uint32_t)value);
		return;
	}
	for (unsigned i = 0; i < width && offset + i < PORT_DATA; i++)
		ne2000_register_write(n, (unsigned)offset + i, (uint8_t)(value >> i * 8));
}

/* INSW, OUTSL and the like at the data port; the other ports see single accesses. */
static bool read_string(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			void *data, unsigned count)
{
	(void)region;
	if (offset < PORT_DATA || offset >= PORT_RESET)
		return false;
	ne2000_data_read_string((struct ne2000 *)dev, width, data, count);
	return true;
}

static bool write_string(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			 const void *data, unsigned count)
{
	(void)region;
	if (offset < PORT_DATA || offset >= PORT_RESET)
		return false;
	ne2000_data_write_string((struct ne2000 *)dev, width, data, count);
	return true;
}

static const char *register_name(unsigned region, uint64_t offset, bool is_write)
{
	(void)region;
	(void)is_write;
	return ne2000_register_name((unsigned)offset);
}

/* --- life */

static int start_thread(struct ne2000 *n)
{
	struct loop *loop;
	int err = loop_thread_create("ne2000", &n->thread);

	if (err)
		return err;
	loop = loop_thread_loop(n->thread);
	n->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = n->kick_fd < 0 ? -errno : loop_add_fd(loop, n->kick_fd, EPOLLIN | EPOLLET, kicked, n);
	if (!err)
		err = net_listen(n->net, 0, loop, readable, writable, n);
	return err ? err : loop_thread_start(n->thread);
}

static void ne2000_destroy(struct device *dev)
{
	struct ne2000 *n = (struct ne2000 *)dev;

	if (n->thread) {
		loop_thread_stop(n->thread);
		net_listen(n->net, 0, loop_thread_loop(n->thread), NULL, NULL, NULL);
		loop_thread_destroy(n->thread);
	}
	if (n->kick_fd >= 0)
		close(n->kick_fd);
	free(n->worker);
}

/* In word mode a driver sees each byte of the address once, in byte mode twice; 0x57 says
 * "words". */
static void fill_prom(struct ne2000 *n)
{
	for (unsigned i = 0; i < sizeof(n->mac); i++)
		n->prom[2 * i] = n->prom[2 * i + 1] = n->mac[i];
	memset(n->prom + PROM_SIGNATURE_AT, PROM_SIGNATURE, NE2000_PROM_BYTES - PROM_SIGNATURE_AT);
}

/* Data written by the guest wait in KVM's ring until it looks at a register, or writes one: before that they
 * mean nothing. Without the ring each word of a frame would exit by itself. */
static void bar_moved(struct pci_function *fn, unsigned bar, uint64_t old_base, uint64_t base)
{
	const struct wiring *wiring = ((struct ne2000 *)fn)->wiring;
	unsigned count = PORT_RESET - PORT_DATA;

	if (!wiring || bar != BAR_PORTS)
		return;
	if (old_base)
		wiring->remove_deferred(wiring->kvm, (uint16_t)(old_base + PORT_DATA), count);
	if (base)
		wiring->add_deferred(wiring->kvm, (uint16_t)(base + PORT_DATA), count);
}

static const struct pci_function_ops pci_ops = {
	.bar_moved = bar_moved,
	.vendor = 0x10ec,
	.device = 0x8029,
	.subsystem_vendor = 0x10ec,
	.subsystem = 0x8029,
	.class_revision = 0x02000000,
};

static int ne2000_realize(struct device *dev, const struct device_setup *setup)
{
	struct ne2000 *n = (struct ne2000 *)dev;
	const struct nic_options *options = setup->options;
	int err;

	if (!options || !options->net)
		return -EINVAL;
	pci_function_init(&n->pci, &pci_ops);
	pci_add_bar(&n->pci, BAR_PORTS, BUS_PIO, PORTS);
	n->net = options->net;
	n->wiring = setup->wiring;
	n->kick_fd = -1;
	memcpy(n->mac, net_get_info(n->net).mac, sizeof(n->mac));
	net_set_offloads(n->net, 0);
	fill_prom(n);
	ne2000_reset(n);
	n->rx_wait = true;
	n->worker = calloc(1, sizeof(*n->worker));
	err = n->worker ? start_thread(n) : -ENOMEM;
	if (err)
		ne2000_destroy(dev);
	return err;
}

static bool queue(struct device *dev, unsigned index, struct queue_counters *out)
{
	return nic_queue_counters(&((struct ne2000 *)dev)->counters, index, out);
}

static bool figure(struct device *dev, unsigned index, struct device_figure *out)
{
	return nic_figure(&((struct ne2000 *)dev)->counters, index, out);
}

const struct device_ops ne2000_ops = {
	.name = "ne2000",
	.state_bytes = sizeof(struct ne2000),
	.realize = ne2000_realize,
	.read = ne2000_read,
	.write = ne2000_write,
	.read_string = read_string,
	.write_string = write_string,
	.register_name = register_name,
	.destroy = ne2000_destroy,
	.queue = queue,
	.figure = figure,
};
