/* SPDX-License-Identifier: MIT
 *
 * Skeleton. See ioapic.h.
 */
#include "dev/ioapic.h"

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

const struct device_ops ioapic_ops = {
	.name = "ioapic",
	.state_bytes = sizeof(struct device),
	.realize = realize,
	.read = read_register,
	.write = write_register,
	.register_name = register_name,
};

void ioapic_connect(struct device *dev, const struct ioapic_backend *backend)
{
	(void)dev;
	(void)backend;
}

void ioapic_set_level(void *ioapic, unsigned gsi, bool level)
{
	(void)ioapic;
	(void)gsi;
	(void)level;
}

void ioapic_eoi(struct device *dev, uint8_t vector)
{
	(void)dev;
	(void)vector;
}
