/* SPDX-License-Identifier: MIT
 *
 * Each queue has a row of buffers, for header and frame together; a buffer's token is its address.
 */
#include "guest/virtio/net.h"

#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/drivers/net.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/virtio/options.h"

#define F_MTU (1ull << 3)
#define F_MAC (1ull << 5)
#define CONFIG_MAC 0
#define CONFIG_MTU 10
#define NICS_MAX 8
#define BUFFERS 64 /* in each direction */
#define BUFFER_BYTES 2048
#define MTU_DEFAULT 1500
#define TICK_NS 10000000ull

struct virtio_net {
	struct net_device nic;
	struct virtio_device *device;
	struct dma receive_buffers, send_buffers;
	char *free_send[BUFFERS];
	unsigned free_count, buffer_count;
};

static struct virtio_net all[NICS_MAX];
static unsigned count;

static uint64_t gpa_of(const struct dma *dma, const char *at)
{
	return dma->gpa + (at - (const char *)dma->at);
}

static void post(struct virtio_net *net, char *at)
{
	const struct virtq_buffer buffer = {gpa_of(&net->receive_buffers, at), BUFFER_BYTES, true};

	virtq_add(&net->device->queue[VIRTIO_NET_RX], &buffer, 1, at);
}

static void reap(struct virtio_net *net)
{
	uint32_t unused;
	char *at;

	while ((at = virtq_take(&net->device->queue[VIRTIO_NET_TX], &unused)))
		net->free_send[net->free_count++] = at;
}

/* Header and frame as two descriptors, so that a frame is a chain. */
static bool send(struct net_device *nic, const void *frame, unsigned bytes)
{
	struct virtio_net *net = nic->context;
	struct virtq_buffer buffer[2] = {{0, VIRTIO_NET_HEADER_BYTES, false}, {0, bytes, false}};
	char *at;

	if (!net->free_count)
		reap(net);
	if (!net->free_count)
		return false;
	at = net->free_send[net->free_count - 1];
	memset(at, 0, VIRTIO_NET_HEADER_BYTES);
	memcpy(at + VIRTIO_NET_HEADER_BYTES, frame, bytes);
	buffer[0].gpa = gpa_of(&net->send_buffers, at);
	buffer[1].gpa = buffer[0].gpa + VIRTIO_NET_HEADER_BYTES;
	if (!virtq_add(&net->device->queue[VIRTIO_NET_TX], buffer, 2, at))
		return false;
	net->free_count--;
	return true;
}

static bool all_sent(struct net_device *nic)
{
	struct virtio_net *net = nic->context;

	virtq_kick(&net->device->queue[VIRTIO_NET_TX]);
	reap(net);
	return net->free_count == net->buffer_count;
}

/* While nothing is there to take, the device shall interrupt. */
static void ask_interrupt(struct virtq *queue)
{
	if (!virtio_options()->poll)
		virtq_ask_interrupt(queue, true);
}

static unsigned receive(struct net_device *nic, void *frame)
{
	struct virtio_net *net = nic->context;
	struct virtq *queue = &net->device->queue[VIRTIO_NET_RX];
	uint32_t written;
	char *at = virtq_take(queue, &written);
	unsigned bytes;

	if (!at)
		return 0;
	bytes = written > VIRTIO_NET_HEADER_BYTES ? written - VIRTIO_NET_HEADER_BYTES : 0;
	if (bytes > NET_FRAME_MAX)
		bytes = NET_FRAME_MAX;
	memcpy(frame, at + VIRTIO_NET_HEADER_BYTES, bytes);
	post(net, at);
	virtq_kick(queue);
	if (!virtq_has_used(queue))
		ask_interrupt(queue);
	return bytes;
}

static void wait(struct net_device *nic)
{
	struct virtio_net *net = nic->context;

	virtio_queue_wait(&net->device->queue[VIRTIO_NET_RX], TICK_NS);
	ask_interrupt(&net->device->queue[VIRTIO_NET_RX]);
}

static bool listen(struct net_device *nic, bool on)
{
	struct virtio_net *net = nic->context;
	struct virtq *queue = &net->device->queue[VIRTIO_NET_RX];

	if (!on || virtio_options()->poll) {
		virtq_ask_interrupt(queue, false);
		return on && virtq_has_used(queue);
	}
	virtq_ask_interrupt(queue, true);
	return virtq_has_used(queue);
}

static void on_interrupt(struct virtio_device *device)
{
	struct virtio_net *net = device->driver;

	if (net->nic.arrived)
		net->nic.arrived(&net->nic);
}

static void describe(const struct net_device *nic, char *text, unsigned size)
{
	const struct virtio_net *net = nic->context;

	virtio_describe(net->device, text, size);
}

/* Sending takes two descriptors a frame. */
static bool open_queues(struct virtio_net *net, struct virtio_device *device)
{
	if (!dma_alloc(&net->receive_buffers, BUFFERS * BUFFER_BYTES) ||
	    !dma_alloc(&net->send_buffers, BUFFERS * BUFFER_BYTES) ||
	    !virtio_queue_open(device, VIRTIO_NET_RX, BUFFERS) ||
	    !virtio_queue_open(device, VIRTIO_NET_TX, 2 * BUFFERS))
		return false;
	net->buffer_count = device->queue[VIRTIO_NET_TX].size / 2;
	for (unsigned i = 0; i < net->buffer_count; i++)
		net->free_send[net->free_count++] = (char *)net->send_buffers.at + i * BUFFER_BYTES;
	for (unsigned i = 0; i < device->queue[VIRTIO_NET_RX].size; i++)
		post(net, (char *)net->receive_buffers.at + i * BUFFER_BYTES);
	return true;
}

static void read_mac(const struct virtio_device *device, uint8_t *mac)
{
	static const uint8_t local[6] = {0x02, 0x56, 0x69, 0x74, 0x72, 0x00};

	memcpy(mac, local, 6);
	mac[5] = count;
	for (unsigned i = 0; i < 6 && (device->negotiated & F_MAC); i++)
		mac[i] = virtio_config(device, CONFIG_MAC + i, 1);
}

void virtio_net_attach(struct virtio_device *device)
{
	struct virtio_net *net = &all[count];

	if (count == NICS_MAX || !virtio_start(device, F_MAC | F_MTU))
		return;
	net->device = device;
	if (!open_queues(net, device))
		return;
	net->nic = (struct net_device){
		.driver = "virtio-net",
		.mtu = device->negotiated & F_MTU ? virtio_config(device, CONFIG_MTU, 2)
						  : MTU_DEFAULT,
		.send = send,
		.all_sent = all_sent,
		.receive = receive,
		.listen = listen,
		.wait = virtio_options()->poll ? NULL : wait,
		.describe = describe,
		.context = net,
	};
	device->driver = net;
	device->on_interrupt = on_interrupt;
	read_mac(device, net->nic.mac);
	ask_interrupt(&device->queue[VIRTIO_NET_RX]);
	virtio_ready(device);
	virtq_kick(&device->queue[VIRTIO_NET_RX]); /* only now may the device be told, §3.1.1 */
	net_add(&net->nic);
	count++;
}
