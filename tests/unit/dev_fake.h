/* SPDX-License-Identifier: MIT
 *
 * What device tests put in the place of the VMM around a device: an interrupt line that records, clocks
 * that stand until told, loop timers that fire when the clock is moved. To be included once in a program;
 * its definitions come before those of the archive.
 */
#ifndef VITRINE_TESTS_DEV_FAKE_H
#define VITRINE_TESTS_DEV_FAKE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/device.h"
#include "bus/vm_control.h"
#include "dev/host_clock.h"
#include "loop/loop.h"

/* --- interrupt line ---------------------------------------------------------------------------- */

struct fake_line {
	bool level;
	unsigned rises;
	unsigned calls;
};

static inline void fake_line_set(void *irqchip, unsigned gsi, bool level)
{
	struct fake_line *line = irqchip;

	(void)gsi;
	line->calls++;
	line->rises += level && !line->level;
	line->level = level;
}

static inline struct irq_line fake_irq(struct fake_line *line)
{
	return (struct irq_line){.set_level = fake_line_set, .irqchip = line};
}

/* --- clocks and timers ------------------------------------------------------------------------- */

static int64_t fake_monotonic_ns = 1000 * NS_PER_SECOND;
static int64_t fake_realtime_ns = 1781526645LL * NS_PER_SECOND; /* 2026-06-15 12:30:45, Monday */

int64_t host_clock_monotonic_ns(void)
{
	return fake_monotonic_ns;
}

int64_t host_clock_realtime_ns(void)
{
	return fake_realtime_ns;
}

struct loop_timer {
	loop_timer_fn *fn;
	void *ctx;
	int64_t due_ns; /* 0: not armed */
};

static struct loop_timer *fake_timer; /* no device has more than one */
static unsigned fake_timer_fired;

int loop_timer_create(struct loop *loop, loop_timer_fn *fn, void *ctx, struct loop_timer **out)
{
	(void)loop;
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	**out = (struct loop_timer){.fn = fn, .ctx = ctx};
	fake_timer = *out;
	return 0;
}

void loop_timer_arm(struct loop_timer *timer, uint64_t delay_ns)
{
	timer->due_ns = delay_ns ? fake_monotonic_ns + (int64_t)delay_ns : 0;
}

void loop_timer_destroy(struct loop_timer *timer)
{
	if (timer == fake_timer)
		fake_timer = NULL;
	free(timer);
}

/* Lets time pass; the timer fires on the way. */
static inline void fake_time_pass(int64_t ns)
{
	int64_t end_ns = fake_monotonic_ns + ns;

	while (fake_timer && fake_timer->due_ns && fake_timer->due_ns <= end_ns) {
		int64_t step_ns = fake_timer->due_ns - fake_monotonic_ns;

		fake_monotonic_ns += step_ns;
		fake_realtime_ns += step_ns;
		fake_timer->due_ns = 0;
		fake_timer_fired++;
		fake_timer->fn(fake_timer->ctx);
	}
	fake_realtime_ns += end_ns - fake_monotonic_ns;
	fake_monotonic_ns = end_ns;
}

static inline struct loop *fake_loop(void)
{
	static char a_loop;

	return (struct loop *)(void *)&a_loop;
}

/* --- accesses, as the bus makes them ----------------------------------------------------------- */

static inline uint64_t dev_read_wide(struct device *dev, unsigned region, uint64_t offset,
				     unsigned width)
{
	uint64_t mask = width >= 8 ? UINT64_MAX : (1ULL << width * 8) - 1;

	pthread_mutex_lock(&dev->lock);
	uint64_t value = dev->ops->read(dev, region, offset, width) & mask;
	pthread_mutex_unlock(&dev->lock);
	return value;
}

static inline void dev_write_wide(struct device *dev, unsigned region, uint64_t offset,
				  unsigned width, uint64_t value)
{
	pthread_mutex_lock(&dev->lock);
	dev->ops->write(dev, region, offset, width, value);
	pthread_mutex_unlock(&dev->lock);
}

static inline uint8_t dev_read(struct device *dev, uint64_t offset)
{
	return (uint8_t)dev_read_wide(dev, 0, offset, 1);
}

static inline void dev_write(struct device *dev, uint64_t offset, uint8_t value)
{
	dev_write_wide(dev, 0, offset, 1, value);
}

#endif
