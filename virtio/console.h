/* SPDX-License-Identifier: MIT
 *
 * virtio-console (virtio 1.2 §5.3): hvc0 on a line of the host, and named ports on Unix sockets.
 *
 * They are two devices, so that hvc0 learns its size from the configuration space: the message that tells a
 * multiport console its size has rows and columns in one order in some drivers and in the other
 * in others.
 */
#ifndef VITRINE_VIRTIO_CONSOLE_H
#define VITRINE_VIRTIO_CONSOLE_H

#include "virtio/device.h"

#define VIRTIO_CONSOLE_F_SIZE 0
#define VIRTIO_CONSOLE_F_MULTIPORT 1

#define VIRTIO_PORT_MAX 14	  /* queues: two each, four more; §5.3.2 */
#define VIRTIO_PORT_NAME_BYTES 64 /* with the 0 at its end */

struct console;

/* hvc0. options: struct console *, connected to nobody else. */
extern const struct virtio_model virtio_console_model;

/* Named ports. Everything is borrowed and outlives the device. */
struct virtio_ports_options {
	unsigned count;
	struct virtio_port_options {
		char name[VIRTIO_PORT_NAME_BYTES];
		struct console *console;
	} port[VIRTIO_PORT_MAX];
};
extern const struct virtio_model virtio_ports_model;

#endif
