/* SPDX-License-Identifier: MIT
 *
 * virtio-console with one port: hvc0 (virtio 1.2 §5.3).
 */
#include "virtio/console.h"

#include <string.h>

#include "virtio/console_port.h"

/* §5.3.4 */
struct config {
	uint16_t columns;
	uint16_t rows;
	uint32_t max_nr_ports;
	uint32_t emergency_write;
};

struct hvc {
	struct virtio_device vdev;
	struct console_port port;
	bool told_size; /* since the driver started; transmit queue's lock */
};

enum { RECEIVE_QUEUE, TRANSMIT_QUEUE };

static void read_size(struct virtio_device *vdev)
{
	struct hvc *hvc = (struct hvc *)vdev;
	struct config config = {0};

	if (console_get_size(hvc->port.console, &config.columns, &config.rows))
		memcpy(vdev->config, &config, sizeof(config));
}

static void resized(struct console_port *port)
{
	virtio_config_changed(port->receive_queue->vdev);
}

static int realize(struct virtio_device *vdev, const struct device_setup *setup)
{
	struct hvc *hvc = (struct hvc *)vdev;
	uint16_t columns;
	uint16_t rows;
	int err;

	hvc->port.console = (struct console *)setup->options;
	hvc->port.resized = resized;
	err = console_port_add_queues(&hvc->port, vdev);
	if (err)
		return err;
	vdev->config_bytes = sizeof(struct config);
	if (console_get_size(hvc->port.console, &columns, &rows))
		vdev->offered = VIRTIO_BIT(VIRTIO_CONSOLE_F_SIZE);
	console_port_connect(&hvc->port);
	return 0;
}

static void destroy(struct virtio_device *vdev)
{
	console_port_disconnect(&((struct hvc *)vdev)->port);
}

/* Without multiport there is nobody to open the port (§5.3.5): it is open. */
static int start(struct virtio_device *vdev)
{
	((struct hvc *)vdev)->port.is_open = true;
	return 0;
}

/* Linux looks at the size only when it has changed, and not before it has made its console. The first output shows
 * that it has. */
static void tell_size(struct hvc *hvc)
{
	if (hvc->told_size || !virtio_has(&hvc->vdev, VIRTIO_CONSOLE_F_SIZE) ||
	    !virtq_has_work(hvc->port.transmit_queue->ring))
		return;
	hvc->told_size = true;
	virtio_config_changed(&hvc->vdev);
}

static void serve(struct virtio_device *vdev, unsigned queue)
{
	struct hvc *hvc = (struct hvc *)vdev;

	if (queue == RECEIVE_QUEUE) {
		console_port_serve_receive(&hvc->port);
		return;
	}
	tell_size(hvc);
	console_port_serve_transmit(&hvc->port);
}

static void reset(struct virtio_device *vdev)
{
	struct hvc *hvc = (struct hvc *)vdev;

	hvc->told_size = false;
	console_port_reset(&hvc->port);
}

const struct virtio_model virtio_console_model = {
	.name = "virtio-console",
	.device_id = 3,
	.pci_class = 0x078000, /* simple communication controller, other */
	.state_bytes = sizeof(struct hvc),
	.realize = realize,
	.destroy = destroy,
	.config_read = read_size,
	.start = start,
	.serve = serve,
	.reset = reset,
};
