/* SPDX-License-Identifier: MIT
 *
 * Life of a device: allocation, lock, realize, destroy. See device.h.
 */
#include "bus/device.h"

#include <errno.h>
#include <stdlib.h>

int device_create(const struct device_ops *ops, const char *name, const struct device_setup *setup,
		  struct device **out)
{
	struct device *dev = calloc(1, ops->state_bytes);

	if (!dev)
		return -ENOMEM;
	dev->ops = ops;
	dev->name = name;
	pthread_mutex_init(&dev->lock, NULL);
	int err = ops->realize(dev, setup);
	if (err) {
		pthread_mutex_destroy(&dev->lock);
		free(dev);
		return err;
	}
	*out = dev;
	return 0;
}

void device_destroy(struct device *dev)
{
	if (!dev)
		return;
	if (dev->ops->destroy)
		dev->ops->destroy(dev);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
}
