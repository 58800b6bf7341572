/* SPDX-License-Identifier: MIT
 *
 * Sorted windows, binary search. See bus.h.
 */
#include "bus/bus.h"

#include <errno.h>
#include <string.h>

int bus_add(struct bus *bus, enum bus_space space, uint64_t base, uint64_t size_bytes,
	    struct device *dev, unsigned region)
{
	struct bus_window *window = bus->window[space];
	unsigned count = bus->window_count[space];
	unsigned at = 0;

	if (size_bytes == 0 || base + size_bytes - 1 < base)
		return -EINVAL;
	if (count == BUS_WINDOW_MAX)
		return -ENOSPC;
	while (at < count && window[at].base < base)
		at++;
	if (at > 0 && window[at - 1].base + (window[at - 1].size_bytes - 1) >= base)
		return -EEXIST;
	if (at < count && base + (size_bytes - 1) >= window[at].base)
		return -EEXIST;
	memmove(&window[at + 1], &window[at], (count - at) * sizeof(*window));
	window[at] = (struct bus_window){.base = base,
					 .size_bytes = size_bytes,
					 .dev = dev,
					 .name = dev->name,
					 .region = region};
	bus->window_count[space]++;
	return 0;
}

const struct bus_window *bus_find(const struct bus *bus, enum bus_space space, uint64_t addr)
{
	const struct bus_window *window = bus->window[space];
	unsigned low = 0;
	unsigned high = bus->window_count[space];

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (addr < window[middle].base)
			high = middle;
		else if (addr - window[middle].base >= window[middle].size_bytes)
			low = middle + 1;
		else
			return &window[middle];
	}
	return NULL;
}

/* The window that holds the whole access, or NULL. */
static struct bus_window *find_whole(struct bus *bus, enum bus_space space, uint64_t addr,
				     unsigned width)
{
	struct bus_window *window = (struct bus_window *)bus_find(bus, space, addr);

	return window && window->size_bytes - (addr - window->base) >= width ? window : NULL;
}

static uint64_t ones(unsigned width)
{
	return width >= 8 ? UINT64_MAX : (1ULL << width * 8) - 1;
}

/* The device's lock, unless it takes locks itself. */
static void enter(struct device *dev)
{
	if (!dev->ops->unlocked)
		pthread_mutex_lock(&dev->lock);
}

static void leave(struct device *dev)
{
	if (!dev->ops->unlocked)
		pthread_mutex_unlock(&dev->lock);
}

const struct bus_window *bus_read(struct bus *bus, enum bus_space space, uint64_t addr,
				  unsigned width, uint64_t *value)
{
	struct bus_window *window = find_whole(bus, space, addr, width);

	*value = ones(width);
	if (!window)
		return NULL;
	enter(window->dev);
	__atomic_fetch_add(&window->reads, 1, __ATOMIC_RELAXED);
	*value &= window->dev->ops->read(window->dev, window->region, addr - window->base, width);
	leave(window->dev);
	return window;
}

const struct bus_window *bus_write(struct bus *bus, enum bus_space space, uint64_t addr,
				   unsigned width, uint64_t value)
{
	struct bus_window *window = find_whole(bus, space, addr, width);

	if (!window)
		return NULL;
	enter(window->dev);
	__atomic_fetch_add(&window->writes, 1, __ATOMIC_RELAXED);
	window->dev->ops->write(window->dev, window->region, addr - window->base, width,
				value & ones(width));
	leave(window->dev);
	return window;
}

const struct bus_window *bus_read_string(struct bus *bus, enum bus_space space, uint64_t addr,
					 unsigned width, void *data, unsigned count)
{
	struct bus_window *window = find_whole(bus, space, addr, width);
	const struct device_ops *ops = window ? window->dev->ops : NULL;
	bool served;

	if (!ops || !ops->read_string)
		return NULL;
	enter(window->dev);
	served = ops->read_string(window->dev, window->region, addr - window->base, width, data,
				  count);
	if (served)
		__atomic_fetch_add(&window->reads, count, __ATOMIC_RELAXED);
	leave(window->dev);
	return served ? window : NULL;
}

const struct bus_window *bus_write_string(struct bus *bus, enum bus_space space, uint64_t addr,
					  unsigned width, const void *data, unsigned count)
{
	struct bus_window *window = find_whole(bus, space, addr, width);
	const struct device_ops *ops = window ? window->dev->ops : NULL;
	bool served;

	if (!ops || !ops->write_string)
		return NULL;
	enter(window->dev);
	served = ops->write_string(window->dev, window->region, addr - window->base, width, data,
				   count);
	if (served)
		__atomic_fetch_add(&window->writes, count, __ATOMIC_RELAXED);
	leave(window->dev);
	return served ? window : NULL;
}
