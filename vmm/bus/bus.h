/* SPDX-License-Identifier: MIT
 *
 * Dispatch of guest accesses to devices: two address spaces, a sorted table each, immutable while
 * vCPUs run, so a look-up takes no lock. Nobody home: reads give all ones, writes vanish, both are
 * counted by the caller.
 */
#ifndef VITRINE_BUS_BUS_H
#define VITRINE_BUS_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "bus/device.h"

enum bus_space { BUS_PIO, BUS_MMIO, BUS_SPACE_COUNT };

#define BUS_WINDOW_MAX 64

struct bus_window {
	uint64_t base;
	uint64_t size_bytes;
	struct device *dev;
	const char *name; /* the device's; outlives it */
	unsigned region;  /* which of the device's windows this is */
	uint64_t reads;	  /* accesses so far; added to atomically */
	uint64_t writes;
};

struct bus {
	struct bus_window window[BUS_SPACE_COUNT][BUS_WINDOW_MAX];
	unsigned window_count[BUS_SPACE_COUNT];
};

/* Before vCPUs run only. 0, -EEXIST (overlaps another window), -EINVAL (size 0, or wraps), -ENOSPC. */
int bus_add(struct bus *bus, enum bus_space space, uint64_t base, uint64_t size_bytes,
	    struct device *dev, unsigned region);

/* The window that holds addr, or NULL. */
const struct bus_window *bus_find(const struct bus *bus, enum bus_space space, uint64_t addr);

/* One access, from any vCPU thread. An access that starts in a window and leaves it is not handled.
 * width is 1, 2, 4 or 8. Returns the window that served it, or NULL: then a read gave all ones. */
const struct bus_window *bus_read(struct bus *bus, enum bus_space space, uint64_t addr,
				  unsigned width, uint64_t *value);
const struct bus_window *bus_write(struct bus *bus, enum bus_space space, uint64_t addr,
				   unsigned width, uint64_t value);

/* count accesses to the same address, as a string instruction makes them: data holds the elements. NULL: the
 * device there has no way to take them at once, and nothing was done. */
const struct bus_window *bus_read_string(struct bus *bus, enum bus_space space, uint64_t addr,
					 unsigned width, void *data, unsigned count);
const struct bus_window *bus_write_string(struct bus *bus, enum bus_space space, uint64_t addr,
					  unsigned width, const void *data, unsigned count);

#endif
