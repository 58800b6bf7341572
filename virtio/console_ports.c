/* SPDX-License-Identifier: MIT
 *
 * virtio-console with MULTIPORT: named ports, each a Unix socket on the host (virtio 1.2 §5.3.6.2).
 *
 *     driver                              device
 *     DEVICE_READY           ────►
 *                            ◄────        DEVICE_ADD            for each port
 *     PORT_READY (port)      ────►
 *                            ◄────        PORT_NAME, PORT_OPEN if a client is there
 *     PORT_OPEN (port, 0/1)  ────►        the guest's end
 *                            ◄────        PORT_OPEN (port, 0/1) when a client comes or goes
 *
 * What has to be told is a set of bits per port, told in the order of the bits: it can't grow, however few
 * buffers the guest offers. Port 0 would be a console and is not there.
 */
#include <string.h>

#include "virtio/chains.h"
#include "virtio/console.h"
#include "virtio/console_port.h"

#define CONTROL_QUEUE_SIZE 32
#define CONTROL_CHAIN_MAX 8

/* §5.3.2: receive and transmit of port 0, then control, then the ports from 1 on */
enum { PORT0_RECEIVE, PORT0_TRANSMIT, CONTROL_RECEIVE, CONTROL_TRANSMIT, PORT1_RECEIVE };

enum {
	EVENT_DEVICE_READY,
	EVENT_DEVICE_ADD,
	EVENT_DEVICE_REMOVE,
	EVENT_PORT_READY,
	EVENT_CONSOLE_PORT,
	EVENT_RESIZE,
	EVENT_PORT_OPEN,
	EVENT_PORT_NAME
};

/* §5.3.6.2 */
struct control {
	uint32_t id;
	uint16_t event;
	uint16_t value;
};
_Static_assert(sizeof(struct control) == 8, "control message");

/* To be told, lowest bit first. */
enum {
	TELL_ADD = 1 << 0,
	TELL_NAME = 1 << 1,
	TELL_CLOSED = 1 << 2,
	TELL_OPEN = 1 << 3,
	TELL_ALL = (1 << 4) - 1
};

struct named_port {
	struct console_port line;
	const char *name;
	_Atomic unsigned tell; /* TELL_* */
	atomic_bool is_known;  /* the driver said PORT_READY */
};

struct ports {
	struct virtio_device vdev;
	unsigned count;
	struct named_port port[VIRTIO_PORT_MAX]; /* port id - 1 */
};

static void tell(struct ports *ports, struct named_port *port, unsigned bits)
{
	atomic_fetch_or(&port->tell, bits);
	virtio_queue_kick(ports->vdev.queue[CONTROL_RECEIVE]);
}

/* Loop thread. A client who came and went unseen need not be told of. */
static void peer_changed(struct console_port *line, bool connected)
{
	struct named_port *port = (struct named_port *)line;
	struct ports *ports = (struct ports *)line->receive_queue->vdev;

	if (!port->is_known)
		return;
	if (connected)
		tell(ports, port, TELL_OPEN);
	else if (!(atomic_fetch_and(&port->tell, ~(unsigned)TELL_OPEN) & TELL_OPEN))
		tell(ports, port, TELL_CLOSED);
}

/* --- device to driver */

static unsigned lowest_bit(unsigned bits)
{
	return bits & -bits;
}

/* The message for one bit; returns its length. */
static uint32_t make_message(const struct named_port *port, uint32_t id, unsigned bit,
			     uint8_t message[sizeof(struct control) + VIRTIO_PORT_NAME_BYTES])
{
	struct control control = {.id = id, .value = bit != TELL_CLOSED};
	uint32_t name_bytes = bit == TELL_NAME ? (uint32_t)strlen(port->name) : 0;

	control.event = bit == TELL_ADD	   ? EVENT_DEVICE_ADD
			: bit == TELL_NAME ? EVENT_PORT_NAME
					   : EVENT_PORT_OPEN;
	memcpy(message, &control, sizeof(control));
	memcpy(message + sizeof(control), port->name, name_bytes);
	return (uint32_t)sizeof(control) + name_bytes;
}

static enum chain_verdict send_control(void *ctx, const struct virtq_chain *chain,
				       uint32_t *written_bytes)
{
	struct ports *ports = ctx;

	for (unsigned i = 0; i < ports->count; i++) {
		struct named_port *port = &ports->port[i];
		unsigned bit = lowest_bit(port->tell & TELL_ALL);
		uint8_t message[sizeof(struct control) + VIRTIO_PORT_NAME_BYTES];
		uint32_t length;

		if (!bit)
			continue;
		length = make_message(port, i + 1, bit, message);
		if (chain->in_bytes < length)
			return CHAIN_BAD;
		*written_bytes = virtq_chain_write(chain, 0, message, length);
		atomic_fetch_and(&port->tell, ~bit);
		return CHAIN_DONE;
	}
	return CHAIN_LATER;
}

/* --- driver to device */

static void device_is_ready(struct ports *ports)
{
	for (unsigned i = 0; i < ports->count; i++)
		tell(ports, &ports->port[i], TELL_ADD);
}

static void port_is_ready(struct ports *ports, struct named_port *port)
{
	port->is_known = true;
	tell(ports, port, TELL_NAME | (console_has_peer(port->line.console) ? TELL_OPEN : 0));
}

static void port_is_open(struct named_port *port, bool open)
{
	port->line.is_open = open;
	if (open)
		console_resume_input(port->line.console);
}

/* Of ports that there aren't, and messages that only a device sends, nothing comes. */
static enum chain_verdict take_control(void *ctx, const struct virtq_chain *chain,
				       uint32_t *written_bytes)
{
	struct ports *ports = ctx;
	struct control control;
	struct named_port *port;

	*written_bytes = 0;
	if (virtq_chain_read(chain, 0, &control, sizeof(control)) < sizeof(control))
		return CHAIN_BAD;
	if (control.event == EVENT_DEVICE_READY && control.value)
		device_is_ready(ports);
	if (control.id < 1 || control.id > ports->count)
		return CHAIN_DONE;
	port = &ports->port[control.id - 1];
	if (control.event == EVENT_PORT_READY && control.value)
		port_is_ready(ports, port);
	else if (control.event == EVENT_PORT_OPEN)
		port_is_open(port, control.value);
	return CHAIN_DONE;
}

static void serve(struct virtio_device *vdev, unsigned index)
{
	struct ports *ports = (struct ports *)vdev;
	struct virtio_queue *queue = vdev->queue[index];

	if (index == CONTROL_RECEIVE)
		virtio_serve_chains(queue, send_control, ports,
				    "a control buffer too small for its message");
	else if (index == CONTROL_TRANSMIT)
		virtio_serve_chains(queue, take_control, ports, "a control message cut short");
	else if (index >= PORT1_RECEIVE && index % 2 == 0)
		console_port_serve_receive(&ports->port[(index - PORT1_RECEIVE) / 2].line);
	else if (index >= PORT1_RECEIVE)
		console_port_serve_transmit(&ports->port[(index - PORT1_RECEIVE) / 2].line);
}

/* --- life */

static int add_queues(struct ports *ports)
{
	struct virtio_device *vdev = &ports->vdev;
	int err = 0;

	for (unsigned i = PORT0_RECEIVE; i < PORT1_RECEIVE && !err; i++)
		err = virtio_add_queue(vdev, CONTROL_QUEUE_SIZE, CONTROL_CHAIN_MAX,
				       vdev->main_loop);
	for (unsigned i = 0; i < ports->count && !err; i++)
		err = console_port_add_queues(&ports->port[i].line, vdev);
	return err;
}

static int realize(struct virtio_device *vdev, const struct device_setup *setup)
{
	const struct virtio_ports_options *options = setup->options;
	struct ports *ports = (struct ports *)vdev;
	uint32_t max_nr_ports = options->count + 1;
	int err;

	ports->count = options->count;
	for (unsigned i = 0; i < ports->count; i++) {
		ports->port[i].name = options->port[i].name;
		ports->port[i].line.console = options->port[i].console;
		ports->port[i].line.peer_changed = peer_changed;
	}
	err = add_queues(ports);
	if (err)
		return err;
	vdev->offered = VIRTIO_BIT(VIRTIO_CONSOLE_F_MULTIPORT);
	memcpy(vdev->config + 4, &max_nr_ports, sizeof(max_nr_ports)); /* §5.3.4 */
	vdev->config_bytes = 12;
	for (unsigned i = 0; i < ports->count; i++)
		console_port_connect(&ports->port[i].line);
	return 0;
}

static void destroy(struct virtio_device *vdev)
{
	struct ports *ports = (struct ports *)vdev;

	for (unsigned i = 0; i < ports->count; i++)
		console_port_disconnect(&ports->port[i].line);
}

static void reset(struct virtio_device *vdev)
{
	struct ports *ports = (struct ports *)vdev;

	for (unsigned i = 0; i < ports->count; i++) {
		ports->port[i].tell = 0;
		ports->port[i].is_known = false;
		console_port_reset(&ports->port[i].line);
	}
}

const struct virtio_model virtio_ports_model = {
	.name = "virtio-ports",
	.device_id = 3,
	.pci_class = 0x078000, /* simple communication controller, other */
	.state_bytes = sizeof(struct ports),
	.realize = realize,
	.destroy = destroy,
	.serve = serve,
	.reset = reset,
};
