/* SPDX-License-Identifier: MIT
 *
 * Payloads of Linux images: recognised by magic, unpacked by the host's libraries.
 */
#ifndef VITRINE_BOOT_UNPACK_H
#define VITRINE_BOOT_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum payload_format {
	PAYLOAD_ELF, /* not compressed */
	PAYLOAD_LZ4,
	PAYLOAD_ZSTD,
	PAYLOAD_XZ,
	PAYLOAD_GZIP,
	PAYLOAD_BZIP2, /* from here on: left to the kernel's own decompressor */
	PAYLOAD_LZMA,
	PAYLOAD_LZO,
	PAYLOAD_UNKNOWN
};

enum payload_format payload_format(const uint8_t *bytes, size_t len_bytes);
const char *payload_format_name(enum payload_format format); /* "LZ4", … */
bool payload_can_unpack(enum payload_format format);

/* Unpacks into dst. The result must fill it exactly: 0, or -EBADMSG (damaged, or longer or shorter
 * than dst), -ENOMEM, -ENOTSUP. Never writes outside dst. */
int payload_unpack(enum payload_format format, const uint8_t *bytes, size_t len_bytes, uint8_t *dst,
		   size_t dst_bytes);

#endif
