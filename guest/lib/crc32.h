/* SPDX-License-Identifier: MIT
 *
 * The CRC-32 of Ethernet and zlib.
 */
#ifndef GUEST_LIB_CRC32_H
#define GUEST_LIB_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from crc, which is 0 at the start. */
uint32_t crc32(uint32_t crc, const void *bytes, size_t count);

#endif
