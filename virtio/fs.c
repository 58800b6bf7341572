/* SPDX-License-Identifier: MIT
 *
 * virtio-fs in front of virtiofsd (virtio 1.2 §5.11): one queue for requests that can't wait, one for others.
 */
#include "virtio/fs.h"

#include <string.h>

#include "virtio/vhost_user_device.h"

#define QUEUE_SIZE 128
#define REQUEST_QUEUES 1

/* §5.11.4 */
struct config {
	char tag[VIRTIO_FS_TAG_BYTES]; /* without a 0 where it fills all of it */
	uint32_t num_request_queues;
};
_Static_assert(sizeof(struct config) == 40, "virtio-fs configuration");

static int realize(struct virtio_device *vdev, const struct device_setup *setup)
{
	const struct virtio_fs_options *options = setup->options;
	struct config config = {.num_request_queues = REQUEST_QUEUES};

	memcpy(config.tag, options->tag, strnlen(options->tag, sizeof(config.tag)));
	memcpy(vdev->config, &config, sizeof(config));
	vdev->config_bytes = sizeof(config);
	return vhost_device_init((struct vhost_device *)vdev, options->vhost, 1 + REQUEST_QUEUES,
				 QUEUE_SIZE);
}

const struct virtio_model virtio_fs_model = {
	.name = "virtio-fs",
	.device_id = 26,
	.pci_class = 0x018000, /* mass storage controller, other */
	.state_bytes = sizeof(struct vhost_device),
	.realize = realize,
	.destroy = vhost_device_destroy,
	.start = vhost_device_start,
	.start_queue = vhost_device_start_queue,
	.stop_queue = vhost_device_stop_queue,
};
