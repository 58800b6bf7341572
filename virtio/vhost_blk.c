/* SPDX-License-Identifier: MIT
 *
 * virtio-blk in front of a vhost-user back end: its configuration space comes from there too (virtio 1.2 §5.2.4).
 */
#include "virtio/vhost_blk.h"

#include <errno.h>
#include <stddef.h>

#include "virtio/vhost_user_device.h"

#define QUEUE_SIZE 256
#define CONFIG_BYTES 60	    /* up to and with write_zeroes_may_unmap */
#define CONFIG_WRITEBACK 32 /* its offset: what a driver may write */

static int realize(struct virtio_device *vdev, const struct device_setup *setup)
{
	const struct virtio_vhost_blk_options *options = setup->options;
	int err = vhost_user_get_config(options->vhost, vdev->config, CONFIG_BYTES);

	if (!err && options->queues > vhost_user_queue_max(options->vhost))
		err = -EINVAL;
	if (err)
		return err;
	vdev->config_bytes = CONFIG_BYTES;
	vdev->config_writable[CONFIG_WRITEBACK] = 1;
	return vhost_device_init((struct vhost_device *)vdev, options->vhost, options->queues,
				 QUEUE_SIZE);
}

/* Write cache on or off. Should the back end be gone, the loop says so. */
static void config_written(struct virtio_device *vdev, unsigned offset, unsigned len_bytes)
{
	struct vhost_device *dev = (struct vhost_device *)vdev;

	if (offset <= CONFIG_WRITEBACK && CONFIG_WRITEBACK < offset + len_bytes)
		vhost_user_set_config(dev->vhost, CONFIG_WRITEBACK, &vdev->config[CONFIG_WRITEBACK],
				      1);
}

const struct virtio_model virtio_vhost_blk_model = {
	.name = "virtio-blk",
	.device_id = 2,
	.pci_class = 0x018000, /* mass storage controller, other */
	.state_bytes = sizeof(struct vhost_device),
	.realize = realize,
	.destroy = vhost_device_destroy,
	.config_written = config_written,
	.start = vhost_device_start,
	.start_queue = vhost_device_start_queue,
	.stop_queue = vhost_device_stop_queue,
};
