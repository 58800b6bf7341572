/* SPDX-License-Identifier: MIT
 *
 * Skeleton. See uart.h.
 */
#include "dev/uart.h"

static int realize(struct device *dev, const struct device_setup *setup)
{
	(void)dev;
	(void)setup;
	return 0;
}

static uint64_t read_register(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	(void)dev;
	(void)region;
	(void)offset;
	(void)width;
	return UINT64_MAX;
}

static void write_register(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			   uint64_t value)
{
	(void)dev;
	(void)region;
	(void)offset;
	(void)width;
	(void)value;
}

static const char *register_name(unsigned region, uint64_t offset, bool is_write)
{
	(void)region;
	(void)offset;
	(void)is_write;
	return NULL;
}

const struct device_ops uart_ops = {
	.name = "uart",
	.state_bytes = sizeof(struct device),
	.realize = realize,
	.read = read_register,
	.write = write_register,
	.register_name = register_name,
};
