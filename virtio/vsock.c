/* SPDX-License-Identifier: MIT
 *
 * virtio-vsock: its queues, and whose packets they carry (virtio 1.2 §5.10). See vsock.h for the mapping.
 */
#include "virtio/vsock.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop/loop.h"
#include "virtio/chains.h"
#include "virtio/vsock_internal.h"

#define QUEUE_SIZE 128

enum { RECEIVE_QUEUE, TRANSMIT_QUEUE, EVENT_QUEUE, QUEUE_COUNT };

void vsock_kick_receive(struct vsock *vsock)
{
	virtio_queue_kick(vsock->vdev.queue[RECEIVE_QUEUE]);
}

/* --- reset by the guest */

static void forget_all(struct vsock *vsock)
{
	while (vsock->conn_count)
		vsock_conn_remove(vsock->conn[0]);
	vsock->orphan_count = 0;
	vsock->transmit_waits = false;
}

/* Loop thread: before anything else is done with connections. */
static void heed_reset(struct vsock *vsock)
{
	if (atomic_exchange(&vsock->reset_wanted, false))
		forget_all(vsock);
}

static void reset_came(void *ctx, uint32_t events)
{
	struct vsock *vsock = ctx;
	uint64_t count;

	(void)events;
	if (read(vsock->reset_fd, &count, sizeof(count)) < 0)
		return;
	heed_reset(vsock);
}

static void reset(struct virtio_device *vdev)
{
	struct vsock *vsock = (struct vsock *)vdev;

	vsock->reset_wanted = true;
	eventfd_write(vsock->reset_fd, 1);
}

/* --- to the guest */

static struct vsock_header new_header(const struct vsock *vsock)
{
	return (struct vsock_header){.src_cid = VSOCK_CID_HOST,
				     .dst_cid = vsock->options->cid,
				     .type = VSOCK_TYPE_STREAM,
				     .buf_alloc = VSOCK_BUFFER_BYTES};
}

static bool give_orphan(struct vsock *vsock, struct vsock_header *header)
{
	const struct vsock_orphan *orphan = &vsock->orphan[vsock->orphan_head];

	if (!vsock->orphan_count)
		return false;
	header->op = VSOCK_OP_RST;
	header->src_port = orphan->host_port;
	header->dst_port = orphan->guest_port;
	vsock->orphan_head = (vsock->orphan_head + 1) % VSOCK_ORPHAN_MAX;
	vsock->orphan_count--;
	if (vsock->transmit_waits)
		virtio_queue_kick(vsock->vdev.queue[TRANSMIT_QUEUE]);
	vsock->transmit_waits = false;
	return true;
}

/* Each connection in turn. */
static bool give_from_connections(struct vsock *vsock, struct vsock_header *header,
				  const struct iovec *to, unsigned to_count, uint32_t room)
{
	for (unsigned tries = vsock->conn_count; tries; tries--) {
		struct vsock_conn *conn = vsock->conn[vsock->turn++ % vsock->conn_count];
		bool ended;

		if (!vsock_conn_has_packet(conn) ||
		    !vsock_conn_give(conn, header, to, to_count, room, &ended))
			continue;
		if (ended)
			vsock_conn_remove(conn);
		return true;
	}
	return false;
}

/* Payload is read behind the place of the header, wherever buffers begin and end. */
static enum chain_verdict give(void *ctx, const struct virtq_chain *chain, uint32_t *written_bytes)
{
	struct vsock *vsock = ctx;
	struct vsock_header header = new_header(vsock);
	struct iovec to[VSOCK_CHAIN_MAX];
	const struct iovec *in = chain->iov + chain->out_count;
	size_t skip = sizeof(header);
	unsigned count = 0;

	if (chain->in_bytes <= sizeof(header))
		return CHAIN_BAD;
	for (unsigned i = 0; i < chain->in_count; i++) {
		size_t skipped = skip < in[i].iov_len ? skip : in[i].iov_len;

		skip -= skipped;
		if (skipped < in[i].iov_len)
			to[count++] = (struct iovec){(uint8_t *)in[i].iov_base + skipped,
						     in[i].iov_len - skipped};
	}
	uint32_t room = chain->in_bytes - (uint32_t)sizeof(header);

	if (!give_orphan(vsock, &header) &&
	    !give_from_connections(vsock, &header, to, count,
				   room < VSOCK_PACKET_MAX ? room : VSOCK_PACKET_MAX))
		return CHAIN_LATER;
	virtq_chain_write(chain, 0, &header, sizeof(header));
	*written_bytes = (uint32_t)sizeof(header) + header.len_bytes;
	return CHAIN_DONE;
}

/* --- from the guest */

/* False: there is no room for more of them; the guest's packets wait until there is. */
static bool reject(struct vsock *vsock, const struct vsock_header *header)
{
	unsigned tail = (vsock->orphan_head + vsock->orphan_count) % VSOCK_ORPHAN_MAX;

	if (header->op == VSOCK_OP_RST)
		return true; /* §5.10.6.5: never answered by another */
	if (vsock->orphan_count == VSOCK_ORPHAN_MAX) {
		vsock->transmit_waits = true;
		return false;
	}
	vsock->orphan[tail] = (struct vsock_orphan){header->dst_port, header->src_port};
	vsock->orphan_count++;
	vsock_kick_receive(vsock);
	return true;
}

static bool take_request(struct vsock *vsock, const struct vsock_header *header)
{
	int fd = vsock_host_connect(vsock, header->dst_port);
	struct vsock_conn *conn = fd < 0 ? NULL : vsock_conn_add(vsock, fd, VSOCK_OPEN);

	if (!conn)
		return reject(vsock, header);
	conn->host_port = header->dst_port;
	conn->guest_port = header->src_port;
	conn->peer_buf_alloc = header->buf_alloc;
	conn->peer_fwd_cnt = header->fwd_cnt;
	conn->pending = 1 << VSOCK_OP_RESPONSE;
	vsock_kick_receive(vsock);
	return true;
}

/* The device knows its guest's CID and its own (§5.10.6.4.1); other packets are nobody's. */
static enum chain_verdict take(void *ctx, const struct virtq_chain *chain, uint32_t *written_bytes)
{
	struct vsock *vsock = ctx;
	struct vsock_header header;
	struct vsock_conn *conn;
	bool done = true;

	*written_bytes = 0;
	if (virtq_chain_read(chain, 0, &header, sizeof(header)) < sizeof(header) ||
	    header.len_bytes > chain->out_bytes - sizeof(header) ||
	    header.len_bytes > VSOCK_PACKET_MAX)
		return CHAIN_BAD;
	if (header.src_cid != vsock->options->cid || header.dst_cid != VSOCK_CID_HOST)
		return CHAIN_DONE;
	conn = vsock_conn_find(vsock, header.dst_port, header.src_port);
	if (header.type != VSOCK_TYPE_STREAM)
		done = reject(vsock, &header);
	else if (conn)
		vsock_conn_take(conn, &header, chain);
	else if (header.op == VSOCK_OP_REQUEST)
		done = take_request(vsock, &header);
	else
		done = reject(vsock, &header);
	return done ? CHAIN_DONE : CHAIN_LATER;
}

/* --- life */

/* Events to the guest would be about a moved VM: there are none (§5.10.6.7). */
static void serve(struct virtio_device *vdev, unsigned index)
{
	struct vsock *vsock = (struct vsock *)vdev;

	heed_reset(vsock);
	if (index == RECEIVE_QUEUE)
		virtio_serve_chains(vdev->queue[index], give, vsock,
				    "a receive buffer without room for a packet");
	else if (index == TRANSMIT_QUEUE)
		virtio_serve_chains(vdev->queue[index], take, vsock,
				    "a packet cut short, or too long");
}

static void destroy(struct virtio_device *vdev)
{
	struct vsock *vsock = (struct vsock *)vdev;

	forget_all(vsock);
	vsock_host_close(vsock);
	loop_remove_fd(vsock->loop, vsock->reset_fd);
	close(vsock->reset_fd);
}

static int hang_into_loop(struct vsock *vsock)
{
	int err;

	vsock->reset_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vsock->reset_fd < 0)
		return -errno;
	err = loop_add_fd(vsock->loop, vsock->reset_fd, EPOLLIN, reset_came, vsock);
	if (!err)
		err = vsock_host_listen(vsock);
	if (err) {
		loop_remove_fd(vsock->loop, vsock->reset_fd);
		close(vsock->reset_fd);
	}
	return err;
}

static int realize(struct virtio_device *vdev, const struct device_setup *setup)
{
	struct vsock *vsock = (struct vsock *)vdev;
	int err = 0;

	vsock->options = setup->options;
	vsock->loop = setup->loop;
	for (unsigned i = 0; i < QUEUE_COUNT && !err; i++)
		err = virtio_add_queue(vdev, QUEUE_SIZE, VSOCK_CHAIN_MAX, setup->loop);
	if (err)
		return err;
	memcpy(vdev->config, &vsock->options->cid, sizeof(vsock->options->cid)); /* §5.10.4 */
	vdev->config_bytes = sizeof(vsock->options->cid);
	return hang_into_loop(vsock);
}

const struct virtio_model virtio_vsock_model = {
	.name = "virtio-vsock",
	.device_id = 19,
	.pci_class = 0x028000, /* network controller, other */
	.state_bytes = sizeof(struct vsock),
	.realize = realize,
	.destroy = destroy,
	.serve = serve,
	.reset = reset,
};
