/* SPDX-License-Identifier: MIT
 *
 * The exit port of test guests. See debug_exit.h.
 */
#include "dev/debug_exit.h"

#include <errno.h>

#include "bus/vm_control.h"

struct debug_exit {
	struct device dev;
	struct vm_control *control;
};

static int realize(struct device *dev, const struct device_setup *setup)
{
	struct debug_exit *exit = (struct debug_exit *)dev;

	exit->control = setup->control;
	return setup->control ? 0 : -EINVAL;
}

static uint64_t read_nothing(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	(void)dev;
	(void)region;
	(void)offset;
	(void)width;
	return UINT64_MAX;
}

static void write_exit(struct device *dev, unsigned region, uint64_t offset, unsigned width,
		       uint64_t value)
{
	struct debug_exit *exit = (struct debug_exit *)dev;

	(void)region;
	if (offset == 0 && width <= 4)
		vm_control_request(exit->control, VM_END_DEBUG_EXIT, (uint32_t)value);
}

static const char *register_name(unsigned region, uint64_t offset, bool is_write)
{
	(void)region;
	return offset == 0 && is_write ? "EXIT" : NULL;
}

const struct device_ops debug_exit_ops = {
	.name = "isa-debug-exit",
	.state_bytes = sizeof(struct debug_exit),
	.realize = realize,
	.read = read_nothing,
	.write = write_exit,
	.register_name = register_name,
};
