/* SPDX-License-Identifier: MIT
 *
 * A byte at a time, by a table that the first call makes.
 */
#include "guest/lib/crc32.h"

#define POLYNOMIAL 0xedb88320u

static uint32_t table[256];

static void make_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t value = i;

		for (unsigned bit = 0; bit < 8; bit++)
			value = value >> 1 ^ (value & 1 ? POLYNOMIAL : 0);
		table[i] = value;
	}
}

uint32_t crc32(uint32_t crc, const void *bytes, size_t count)
{
	const uint8_t *at = bytes, *end = at + count;

	if (!table[1])
		make_table();
	crc = ~crc;
	while (at < end)
		crc = crc >> 8 ^ table[(crc ^ *at++) & 0xff];
	return ~crc;
}
