/* SPDX-License-Identifier: MIT
 *
 * One port, two bits. See pvpanic.h.
 */
#include "dev/pvpanic.h"

#include <errno.h>

#include "bus/vm_control.h"
#include "ports.h"

#define PVPANIC_CRASH_LOADED 2

struct pvpanic {
	struct device dev;
	struct vm_control *control;
};

static int realize(struct device *dev, const struct device_setup *setup)
{
	struct pvpanic *panic = (struct pvpanic *)dev;

	panic->control = setup->control;
	return setup->control ? 0 : -EINVAL;
}

static uint64_t read_events(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	(void)dev;
	(void)region;
	(void)width;
	return offset == 0 ? PVPANIC_PANICKED | PVPANIC_CRASH_LOADED : UINT64_MAX;
}

static void write_event(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			uint64_t value)
{
	struct pvpanic *panic = (struct pvpanic *)dev;

	(void)region;
	(void)width;
	if (offset == 0 && (value & PVPANIC_PANICKED))
		vm_control_request(panic->control, VM_END_PANIC, 0);
}

static const char *register_name(unsigned region, uint64_t offset, bool is_write)
{
	(void)region;
	(void)is_write;
	return offset == 0 ? "EVENT" : NULL;
}

const struct device_ops pvpanic_ops = {
	.name = "pvpanic",
	.state_bytes = sizeof(struct pvpanic),
	.realize = realize,
	.read = read_events,
	.write = write_event,
	.register_name = register_name,
};
