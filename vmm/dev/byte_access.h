/* SPDX-License-Identifier: MIT
 *
 * Devices of byte-wide registers on an ISA bus: a wider access is split into one access for each byte,
 * lowest first.
 */
#ifndef VITRINE_DEV_BYTE_ACCESS_H
#define VITRINE_DEV_BYTE_ACCESS_H

#include "bus/device.h"

static inline uint64_t byte_access_read(struct device *dev, uint64_t offset, unsigned width,
					uint8_t (*read_byte)(struct device *dev, uint64_t offset))
{
	uint64_t value = 0;

	for (unsigned i = 0; i < width; i++)
		value |= (uint64_t)read_byte(dev, offset + i) << 8 * i;
	return value;
}

static inline void
byte_access_write(struct device *dev, uint64_t offset, unsigned width, uint64_t value,
		  void (*write_byte)(struct device *dev, uint64_t offset, uint8_t value))
{
	for (unsigned i = 0; i < width; i++)
		write_byte(dev, offset + i, (uint8_t)(value >> 8 * i));
}

#endif
