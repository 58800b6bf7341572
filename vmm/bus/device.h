/* SPDX-License-Identifier: MIT
 *
 * What a device is to the rest of the VMM: one table of functions, and what it gets to stand on.
 *
 * A device sees accesses relative to its region, one at a time unless it says otherwise: the bus
 * takes dev->lock around read and write. Everything a guest writes is an attacker's data.
 */
#ifndef VITRINE_BUS_DEVICE_H
#define VITRINE_BUS_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct gmem;
struct console;
struct device;
struct vm_control;
struct board;
struct wiring;
struct queue_counters;
struct device_figure;

/* An interrupt input of the board (a GSI). set_level() may be called from any thread, also with the
 * device's lock held; it never blocks on another device. A default-initialised line is unconnected. */
struct irq_line {
	void (*set_level)(void *irqchip, unsigned gsi, bool level);
	void *irqchip;
	unsigned gsi;
};

static inline void irq_line_set(const struct irq_line *line, bool level)
{
	if (line->set_level)
		line->set_level(line->irqchip, line->gsi, level);
}

/* What realize() is given. Pointers live at least as long as the device. Those a test does not need
 * may be NULL; a device checks for what it cannot do without. */
struct device_setup {
	struct loop *loop;	     /* timers and file descriptors (loop/loop.h) */
	const struct gmem *mem;	     /* guest RAM */
	struct vm_control *control;  /* ends or resets the VM (bus/vm_control.h) */
	struct console *console;     /* for serial devices (backend/console.h) */
	const struct board *board;   /* the machine's parameters (board/board.h) */
	struct irq_line irq;	     /* as in the board table */
	const struct wiring *wiring; /* doorbells and interrupts by eventfd (bus/wiring.h) */
	const void *options;	     /* of this model: what the command line said of it */
};

/* The part of a device that everybody knows; first member of each device's own struct. */
struct device {
	const struct device_ops *ops;
	const char *name; /* of the instance: "com1" */
	pthread_mutex_t lock;
};

struct device_ops {
	const char *name;   /* of the model: "16550a" */
	size_t state_bytes; /* size of the device's own struct, which starts with struct device */
	bool unlocked;	    /* takes its locks itself: the bus does not take dev->lock */

	/* Takes a zeroed state into power-on state. 0 or -errno; after an error destroy() is not called. */
	int (*realize)(struct device *dev, const struct device_setup *setup);

	/* Guest accesses, dev->lock held. region: index of the window, as in the board table; offset is
	 * below the window's size; width is 1, 2, 4 or 8 and offset + width does not leave the window.
	 * Values are little-endian in the low bytes. Unknown registers read as the specification of
	 * the device says, all ones where it says nothing; bad writes are ignored. */
	uint64_t (*read)(struct device *dev, unsigned region, uint64_t offset, unsigned width);
	void (*write)(struct device *dev, unsigned region, uint64_t offset, unsigned width,
		      uint64_t value);

	/* Optional: count accesses to the same address one after the other (INS, OUTS), lowest element of data
	 * first. False: this register has no such thing, nothing was done; then each comes by itself. */
	bool (*read_string)(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			    void *data, unsigned count);
	bool (*write_string)(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			     const void *data, unsigned count);

	/* The register's name in its specification, for traces ("LSR"); NULL where there is none. */
	const char *(*register_name)(unsigned region, uint64_t offset, bool is_write);

	/* Optional, for bridges, any thread: the device that an access goes on to, with region and offset in it, for
	 * traces; NULL: it stays here. */
	const struct device *(*behind)(const struct device *dev, unsigned *region,
				       uint64_t *offset);

	/* Optional: frees what realize() made. No accesses come any more. */
	void (*destroy)(struct device *dev);

	/* Optional: the counters of queue number index (observe/counters.h); false: there is none. vCPUs stand. */
	bool (*queue)(struct device *dev, unsigned index, struct queue_counters *out);

	/* Optional: its figure number index (observe/counters.h); false: there are no more. vCPUs stand. */
	bool (*figure)(struct device *dev, unsigned index, struct device_figure *out);

	/* Optional: the power button was pressed. Called from the event loop, lock not held. */
	void (*power_button)(struct device *dev);
};

/* Allocates, initialises and realizes a device. Ownership goes to the caller: device_destroy(). */
int device_create(const struct device_ops *ops, const char *name, const struct device_setup *setup,
		  struct device **out);
void device_destroy(struct device *dev); /* NULL is fine */

#endif
