/* SPDX-License-Identifier: MIT
 *
 * Bytes between a console's two queues and the host. See console_port.h.
 */
#include "virtio/console_port.h"

#include "virtio/chains.h"

#define QUEUE_SIZE 64
#define CHAIN_MAX 32
#define COPY_BYTES 512

int console_port_add_queues(struct console_port *port, struct virtio_device *vdev)
{
	int err = virtio_add_queue(vdev, QUEUE_SIZE, CHAIN_MAX, vdev->main_loop);

	if (!err)
		err = virtio_add_queue(vdev, QUEUE_SIZE, CHAIN_MAX, vdev->main_loop);
	if (err)
		return err;
	port->receive_queue = vdev->queue[vdev->queue_count - 2];
	port->transmit_queue = vdev->queue[vdev->queue_count - 1];
	return 0;
}

/* --- host to guest */

/* Puts as much as fits into one chain; 0: there is no chain. */
static size_t fill_chain(struct console_port *port, const uint8_t *data, size_t len_bytes)
{
	struct virtio_queue *queue = port->receive_queue;
	struct iovec iov[CHAIN_MAX];
	struct virtq_chain chain = {.iov = iov, .iov_max = CHAIN_MAX};
	int popped = virtq_pop(queue->ring, &chain);
	uint32_t written;

	if (popped < 0)
		virtio_device_break(queue->vdev, queue->index, NULL);
	if (popped <= 0)
		return 0;
	written = virtq_chain_write(&chain, 0, data, (uint32_t)len_bytes);
	virtq_push(queue->ring, &chain, written);
	if (!written)
		virtio_device_break(queue->vdev, queue->index, "a receive buffer without room");
	return written;
}

/* What is not taken is offered again after console_resume_input(). */
static size_t receive(void *ctx, const uint8_t *data, size_t len_bytes)
{
	struct console_port *port = ctx;
	struct virtio_queue *queue = port->receive_queue;
	size_t taken = 0;
	size_t part;

	pthread_mutex_lock(&queue->lock);
	if (queue->live && port->is_open && !(queue->vdev->status & VIRTIO_STATUS_NEEDS_RESET)) {
		do
			while (taken < len_bytes &&
			       (part = fill_chain(port, data + taken, len_bytes - taken)) > 0)
				taken += part;
		while (taken < len_bytes && virtq_enable_kicks(queue->ring) &&
		       !virtq_fault(queue->ring));
		virtio_queue_publish(queue);
	}
	pthread_mutex_unlock(&queue->lock);
	return taken;
}

void console_port_serve_receive(struct console_port *port)
{
	virtq_disable_kicks(port->receive_queue->ring); /* until bytes find no room */
	if (port->console)
		console_resume_input(port->console);
}

/* --- guest to host */

/* Of a chain that the console took in part the rest follows later. The guest may have put another one there
 * meanwhile: then it gets bytes left out, which is its own doing. */
static enum chain_verdict send(void *ctx, const struct virtq_chain *chain, uint32_t *written_bytes)
{
	struct console_port *port = ctx;
	uint8_t copy[COPY_BYTES];

	*written_bytes = 0;
	while (port->console && port->taken_bytes < chain->out_bytes) {
		uint32_t length = virtq_chain_read(chain, port->taken_bytes, copy, sizeof(copy));
		size_t taken = console_put_bytes(port->console, copy, length);

		port->taken_bytes += (uint32_t)taken;
		if (taken < length)
			return CHAIN_LATER; /* drained() follows */
	}
	port->taken_bytes = 0;
	return CHAIN_DONE;
}

void console_port_serve_transmit(struct console_port *port)
{
	virtio_serve_chains(port->transmit_queue, send, port, NULL);
}

static void drained(void *ctx)
{
	virtio_queue_kick(((struct console_port *)ctx)->transmit_queue);
}

/* --- the host's end */

static void peer_changed(void *ctx, bool connected)
{
	struct console_port *port = ctx;

	if (port->peer_changed)
		port->peer_changed(port, connected);
}

static void resized(void *ctx)
{
	struct console_port *port = ctx;

	if (port->resized)
		port->resized(port);
}

void console_port_connect(struct console_port *port)
{
	struct console_receiver receiver = {.receive = receive,
					    .drained = drained,
					    .peer_changed = peer_changed,
					    .resized = resized,
					    .ctx = port};

	if (port->console)
		console_connect(port->console, &receiver);
}

void console_port_disconnect(struct console_port *port)
{
	if (port->console)
		console_connect(port->console, NULL);
}

void console_port_reset(struct console_port *port)
{
	port->is_open = false;
	port->taken_bytes = 0;
}
