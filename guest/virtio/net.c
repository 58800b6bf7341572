/* SPDX-License-Identifier: MIT
 *
 * What is received comes into blocks of pages, header and frame together; whoever takes a frame in place keeps
 * its blocks, and others take their place in the ring. What is sent goes out from where it is.
 */
#include "guest/virtio/net.h"

#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/board/machine.h"
#include "guest/drivers/net.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/mm/slab.h"
#include "guest/virtio/options.h"

enum feature {
	F_CSUM = 1 << 0,
	F_GUEST_CSUM = 1 << 1,
	F_MTU = 1 << 3,
	F_MAC = 1 << 5,
	F_GUEST_TSO4 = 1 << 7,
	F_HOST_TSO4 = 1 << 11,
	F_MRG_RXBUF = 1 << 15,
	F_STATUS = 1 << 16
};
#define CONFIG_MAC 0
#define CONFIG_STATUS 6
#define CONFIG_MTU 10
#define STATUS_LINK_UP 1
#define NICS_MAX 8
#define RECEIVE_BLOCKS 64
#define SEND_CHAINS 256
#define BLOCK_ORDER 2 /* 16 KiB: fewer pieces of long frames; single pages on small machines */
#define RAM_FOR_BLOCKS (48ull << 20)
#define MTU_DEFAULT 1500
#define TICK_NS 10000000ull

struct header { /* virtio 1.2 §5.1.6 */
	uint8_t flags, gso_type;
	uint16_t header_bytes, segment_bytes, checksum_start, checksum_offset, buffers;
};
_Static_assert(sizeof(struct header) == VIRTIO_NET_HEADER_BYTES, "virtio_net_hdr");
enum { HEADER_NEEDS_CHECKSUM = 1, HEADER_DATA_VALID = 2 };
#define GSO_TCPV4 1

struct virtio_net {
	struct net_device nic;
	struct virtio_device *device;
	unsigned order;	  /* of blocks */
	unsigned missing; /* blocks that the ring lacks */
};

static struct virtio_net all[NICS_MAX];
static unsigned count;

static struct virtq *receive_queue(const struct virtio_net *net)
{
	return &net->device->queue[VIRTIO_NET_RX];
}

static struct virtq *send_queue(const struct virtio_net *net)
{
	return &net->device->queue[VIRTIO_NET_TX];
}

static uint64_t gpa_of(const void *at)
{
	return (uint64_t)at - DIRECT_BASE;
}

/* --- receiving. The token of a block is its page; the device writes from NET_HEADROOM - header on. */
static bool post(struct virtio_net *net, struct page *block)
{
	const unsigned start = NET_HEADROOM - VIRTIO_NET_HEADER_BYTES;
	const struct virtq_buffer buffer = {page_gpa(block) + start,
					    (uint32_t)(PAGE_BYTES << net->order) - start, true};

	return virtq_add(receive_queue(net), &buffer, 1, block);
}

/* Puts blocks into the places of those that were taken, as far as there is memory. */
static void refill(struct virtio_net *net)
{
	for (; net->missing; net->missing--) {
		struct page *block = page_alloc(net->order, PAGE_ATOMIC);

		if (!block)
			break;
		if (!post(net, block)) {
			page_put(block);
			break;
		}
	}
	virtq_kick(receive_queue(net));
}

static void drop(struct net_frame *frame)
{
	for (unsigned i = 0; i < frame->count; i++)
		page_put(frame->piece[i].block);
	frame->count = 0;
}

/* One more piece of frame: what the device wrote into the next block. false: it has none. */
static bool take_piece(struct virtio_net *net, struct net_frame *frame, unsigned header_bytes)
{
	const unsigned start = NET_HEADROOM - VIRTIO_NET_HEADER_BYTES;
	uint32_t written;
	struct page *block = virtq_take(receive_queue(net), &written);

	if (!block)
		return false;
	net->missing++;
	if (written < header_bytes)
		written = header_bytes;
	frame->piece[frame->count].at = (uint8_t *)page_data(block) + start + header_bytes;
	frame->piece[frame->count].bytes = written - header_bytes;
	frame->piece[frame->count++].block = block;
	return true;
}

/* A frame's further blocks are used together with its first (§5.1.6.4.1): one that lacks them is lost. */
static bool take(struct net_device *nic, struct net_frame *frame)
{
	struct virtio_net *net = nic->context;
	const struct header *header;
	unsigned blocks;

	frame->count = 0;
	if (!take_piece(net, frame, VIRTIO_NET_HEADER_BYTES)) {
		refill(net);
		return false;
	}
	header = (const struct header *)(frame->piece[0].at - VIRTIO_NET_HEADER_BYTES);
	frame->is_checked = header->flags & (HEADER_NEEDS_CHECKSUM | HEADER_DATA_VALID);
	blocks = net->device->negotiated & F_MRG_RXBUF ? header->buffers : 1;
	while (frame->count < blocks) {
		if (frame->count == NET_PIECES_MAX || !take_piece(net, frame, 0)) {
			drop(frame);
			break;
		}
	}
	if (net->missing >= RECEIVE_BLOCKS / 4)
		refill(net);
	return true;
}

static unsigned receive(struct net_device *nic, void *to)
{
	struct virtio_net *net = nic->context;
	struct net_frame frame;
	unsigned bytes = 0;

	if (!take(nic, &frame))
		return 0;
	for (unsigned i = 0; i < frame.count; i++) {
		const unsigned room = NET_FRAME_MAX - bytes;
		const unsigned part = frame.piece[i].bytes < room ? frame.piece[i].bytes : room;

		memcpy((char *)to + bytes, frame.piece[i].at, part);
		bytes += part;
	}
	drop(&frame);
	refill(net);
	if (!virtq_has_used(receive_queue(net)) && !virtio_options()->poll)
		virtq_ask_interrupt(receive_queue(net), true);
	return bytes;
}

static bool listen(struct net_device *nic, bool on)
{
	struct virtq *queue = receive_queue(nic->context);

	virtq_ask_interrupt(queue, on && !virtio_options()->poll);
	return on && virtq_has_used(queue);
}

static void wait(struct net_device *nic)
{
	virtio_queue_wait(receive_queue(nic->context), TICK_NS);
	virtq_ask_interrupt(receive_queue(nic->context), true);
}

static void on_interrupt(struct virtio_device *device)
{
	struct virtio_net *net = device->driver;

	if (net->nic.arrived)
		net->nic.arrived(&net->nic);
}

/* --- sending. The token of a copy is its own, with the lowest bit set. */
#define IS_COPY 1ull

static void reap(struct virtio_net *net)
{
	uint32_t unused;
	void *token;

	while ((token = virtq_take(send_queue(net), &unused)))
		if ((uint64_t)token & IS_COPY)
			kfree((void *)((uint64_t)token & ~IS_COPY));
		else
			net->nic.sent_packet(token);
}

static bool send_packet(struct net_device *nic, const struct net_packet *packet)
{
	struct virtio_net *net = nic->context;
	const struct net_piece *first = &packet->piece[0];
	struct header *header = (struct header *)((uint64_t)first->at - VIRTIO_NET_HEADER_BYTES);
	struct virtq_buffer buffer[NET_PIECES_MAX];

	reap(net);
	*header = (struct header){
		.flags = packet->checksum_start ? HEADER_NEEDS_CHECKSUM : 0,
		.gso_type = packet->segment_bytes ? GSO_TCPV4 : 0,
		.header_bytes = packet->header_bytes,
		.segment_bytes = packet->segment_bytes,
		.checksum_start = packet->checksum_start,
		.checksum_offset = packet->checksum_offset,
	};
	buffer[0] = (struct virtq_buffer){gpa_of(header), VIRTIO_NET_HEADER_BYTES + first->bytes,
					  false};
	for (unsigned i = 1; i < packet->count; i++)
		buffer[i] = (struct virtq_buffer){gpa_of(packet->piece[i].at),
						  packet->piece[i].bytes, false};
	return virtq_add(send_queue(net), buffer, packet->count, packet->token);
}

/* Header and frame as two descriptors, so that a frame is a chain. */
static bool send(struct net_device *nic, const void *frame, unsigned bytes)
{
	struct virtio_net *net = nic->context;
	char *copy = kmalloc(VIRTIO_NET_HEADER_BYTES + bytes);
	const struct virtq_buffer buffer[2] = {
		{gpa_of(copy), VIRTIO_NET_HEADER_BYTES, false},
		{gpa_of(copy) + VIRTIO_NET_HEADER_BYTES, bytes, false}};

	reap(net);
	if (!copy)
		return false;
	memcpy(copy + VIRTIO_NET_HEADER_BYTES, frame, bytes);
	if (virtq_add(send_queue(net), buffer, 2, (void *)((uint64_t)copy | IS_COPY)))
		return true;
	kfree(copy);
	return false;
}

static bool all_sent(struct net_device *nic)
{
	struct virtio_net *net = nic->context;
	const struct virtq *queue = send_queue(net);

	virtq_kick(send_queue(net));
	reap(net);
	return queue->free_count == queue->size;
}

/* --- */
static bool has_link(const struct net_device *nic)
{
	const struct virtio_net *net = nic->context;

	return !(net->device->negotiated & F_STATUS) ||
	       virtio_config(net->device, CONFIG_STATUS, 2) & STATUS_LINK_UP;
}

static void describe(const struct net_device *nic, char *text, unsigned size)
{
	const struct virtio_net *net = nic->context;

	virtio_describe(net->device, text, size);
}

static bool open_queues(struct virtio_net *net, struct virtio_device *device)
{
	if (!virtio_queue_open(device, VIRTIO_NET_RX, RECEIVE_BLOCKS) ||
	    !virtio_queue_open(device, VIRTIO_NET_TX, SEND_CHAINS))
		return false;
	net->order = machine.ram_bytes >= RAM_FOR_BLOCKS ? BLOCK_ORDER : 0;
	net->missing = device->queue[VIRTIO_NET_RX].size;
	return true;
}

/* A frame that is longer than a block needs several. */
static uint16_t read_mtu(const struct virtio_net *net)
{
	const struct virtio_device *device = net->device;
	const uint64_t room = (PAGE_BYTES << net->order) - NET_HEADROOM - NET_HEADER_BYTES;
	uint64_t mtu = MTU_DEFAULT;

	if (device->negotiated & F_MTU)
		mtu = virtio_config(device, CONFIG_MTU, 2);
	return (uint16_t)(device->negotiated & F_MRG_RXBUF || mtu < room ? mtu : room);
}

static void read_mac(const struct virtio_device *device, uint8_t *mac)
{
	static const uint8_t local[6] = {0x02, 0x56, 0x69, 0x74, 0x72, 0x00};

	memcpy(mac, local, 6);
	mac[5] = count;
	for (unsigned i = 0; i < 6 && (device->negotiated & F_MAC); i++)
		mac[i] = virtio_config(device, CONFIG_MAC + i, 1);
}

/* Long frames are received only into several blocks, and each offload needs the checksum's (§5.1.3.1). */
static uint64_t wanted_features(const struct virtio_device *device)
{
	const uint64_t offered = device->transport->get_features(device);
	uint64_t wanted = F_MAC | F_MTU | F_STATUS | F_MRG_RXBUF;

	if (machine_has_word("nic-offloads=off"))
		return wanted;
	wanted |= F_CSUM | F_GUEST_CSUM;
	if (offered & F_CSUM)
		wanted |= F_HOST_TSO4;
	if (offered & F_GUEST_CSUM && offered & F_MRG_RXBUF)
		wanted |= F_GUEST_TSO4;
	return wanted;
}

void virtio_net_attach(struct virtio_device *device)
{
	struct virtio_net *net = &all[count];

	if (count == NICS_MAX || !virtio_start(device, wanted_features(device)))
		return;
	net->device = device;
	if (!open_queues(net, device))
		return;
	net->nic = (struct net_device){
		.driver = "virtio-net",
		.mtu = read_mtu(net),
		.send = send,
		.all_sent = all_sent,
		.receive = receive,
		.listen = listen,
		.wait = virtio_options()->poll ? NULL : wait,
		.has_link = has_link,
		.offloads = (device->negotiated & F_CSUM ? NET_OFFLOAD_CHECKSUM : 0) |
			    (device->negotiated & F_HOST_TSO4 ? NET_OFFLOAD_SEGMENT : 0),
		.take = take,
		.send_packet = send_packet,
		.describe = describe,
		.context = net,
	};
	device->driver = net;
	device->on_interrupt = on_interrupt;
	read_mac(device, net->nic.mac);
	listen(&net->nic, true);
	virtio_ready(device);
	refill(net); /* only now may the device be told, §3.1.1 */
	net_add(&net->nic);
	count++;
}
