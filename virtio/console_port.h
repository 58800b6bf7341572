/* SPDX-License-Identifier: MIT
 *
 * One port of a virtio console: a receive queue, a transmit queue and the host's end of the line (virtio 1.2 §5.3).
 * Bytes wait where they come from when the other side takes none: nothing is stored here.
 */
#ifndef VITRINE_VIRTIO_CONSOLE_PORT_H
#define VITRINE_VIRTIO_CONSOLE_PORT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "backend/console.h"
#include "virtio/device.h"

/* Loop thread, but for is_open. Both queues are served in the main loop. */
struct console_port {
	struct console *console; /* NULL: output vanishes, there is no input */
	/* Optional: as in struct console_receiver. */
	void (*peer_changed)(struct console_port *port, bool connected);
	void (*resized)(struct console_port *port);
	struct virtio_queue *receive_queue;
	struct virtio_queue *transmit_queue;
	atomic_bool is_open; /* the guest takes input */
	uint32_t
		taken_bytes; /* of the first waiting chain, by the console; transmit queue's lock */
};

/* Adds the two queues. 0 or -errno. */
int console_port_add_queues(struct console_port *port, struct virtio_device *vdev);

/* Connects to the host's end, and back. Loop thread, or before it runs. */
void console_port_connect(struct console_port *port);
void console_port_disconnect(struct console_port *port);

/* A kick of either queue; its lock held. */
void console_port_serve_receive(struct console_port *port);
void console_port_serve_transmit(struct console_port *port);

/* Device reset. */
void console_port_reset(struct console_port *port);

#endif
