/* SPDX-License-Identifier: MIT
 *
 * Payloads of Linux images, unpacked in one call each: input and output are whole buffers, so no
 * window is kept beside them, and a library cannot write more than the output has room for.
 */
#include "boot/unpack.h"

#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* The kernel's LZ4 is the "legacy frame": magic, then blocks of 32-bit length and data, each of
 * which gives 8 MiB, the last one less. */
#define LZ4_BLOCK_BYTES (8u << 20)
#define LZ4_MAGIC_BYTES 4
#define XZ_MEMORY_MAX (256u << 20)
#define ZLIB_WINDOW_GZIP (15 + 16)

static const struct {
	const char *name;
	const char *magic;
	uint8_t magic_len;
	bool can_unpack;
} format_table[] = {
	[PAYLOAD_ELF] = {"uncompressed",
			 "\x7f"
			 "ELF",
			 4, true},
	[PAYLOAD_LZ4] = {"LZ4", "\x02\x21\x4c\x18", 4, true},
	[PAYLOAD_ZSTD] = {"zstd", "\x28\xb5\x2f\xfd", 4, true},
	[PAYLOAD_XZ] = {"xz",
			"\xfd"
			"7zXZ\0",
			6, true},
	[PAYLOAD_GZIP] = {"gzip", "\x1f\x8b\x08", 3, true},
	[PAYLOAD_BZIP2] = {"bzip2", "BZh", 3, false},
	[PAYLOAD_LZMA] = {"LZMA", "\x5d\0\0", 3, false},
	[PAYLOAD_LZO] = {"LZO", "\x89LZO\0\r\n\x1a\n", 9, false},
	[PAYLOAD_UNKNOWN] = {"unknown format", "", 0, false},
};

enum payload_format payload_format(const uint8_t *bytes, size_t len_bytes)
{
	enum payload_format format = PAYLOAD_ELF;

	while (format_table[format].magic_len > len_bytes ||
	       memcmp(bytes, format_table[format].magic, format_table[format].magic_len) != 0)
		format++; /* ends at PAYLOAD_UNKNOWN, whose magic is empty */
	return format;
}

const char *payload_format_name(enum payload_format format)
{
	return format_table[format].name;
}

bool payload_can_unpack(enum payload_format format)
{
	return format_table[format].can_unpack;
}

static int unpack_lz4(const uint8_t *in, size_t in_left, uint8_t *out, size_t out_left)
{
	in += LZ4_MAGIC_BYTES;
	in_left -= LZ4_MAGIC_BYTES;
	while (in_left) {
		uint32_t block;
		size_t room = out_left < LZ4_BLOCK_BYTES ? out_left : LZ4_BLOCK_BYTES;

		if (in_left < sizeof block)
			return -EBADMSG;
		memcpy(&block, in, sizeof block);
		in += sizeof block;
		in_left -= sizeof block;
		if (block == 0 || block > in_left || block > LZ4_COMPRESSBOUND(LZ4_BLOCK_BYTES))
			return -EBADMSG;

		int got = LZ4_decompress_safe((const char *)in, (char *)out, (int)block, (int)room);

		if (got <= 0)
			return -EBADMSG;
		in += block;
		in_left -= block;
		out += got;
		out_left -= (size_t)got;
	}
	return out_left ? -EBADMSG : 0;
}

static int unpack_zstd(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes)
{
	size_t got = ZSTD_decompress(out, out_bytes, in, in_bytes);

	return !ZSTD_isError(got) && got == out_bytes ? 0 : -EBADMSG;
}

static int unpack_xz(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes)
{
	uint64_t memory = XZ_MEMORY_MAX;
	size_t in_at = 0, out_at = 0;
	lzma_ret ret = lzma_stream_buffer_decode(&memory, 0, NULL, in, &in_at, in_bytes, out,
						 &out_at, out_bytes);

	if (ret == LZMA_MEM_ERROR)
		return -ENOMEM;
	return ret == LZMA_OK && out_at == out_bytes ? 0 : -EBADMSG;
}

static int unpack_gzip(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes)
{
	z_stream stream = {.next_in = (z_const Bytef *)in,
			   .avail_in = (uInt)in_bytes,
			   .avail_out = (uInt)out_bytes};

	stream.next_out = out;
	if (inflateInit2(&stream, ZLIB_WINDOW_GZIP) != Z_OK)
		return -ENOMEM;

	int ret = inflate(&stream, Z_FINISH);

	inflateEnd(&stream);
	return ret == Z_STREAM_END && stream.avail_out == 0 ? 0 : -EBADMSG;
}

int payload_unpack(enum payload_format format, const uint8_t *bytes, size_t len_bytes, uint8_t *dst,
		   size_t dst_bytes)
{
	if (len_bytes < format_table[format].magic_len || len_bytes > INT32_MAX ||
	    dst_bytes > INT32_MAX)
		return -EBADMSG;
	switch (format) {
	case PAYLOAD_LZ4: return unpack_lz4(bytes, len_bytes, dst, dst_bytes);
	case PAYLOAD_ZSTD: return unpack_zstd(bytes, len_bytes, dst, dst_bytes);
	case PAYLOAD_XZ: return unpack_xz(bytes, len_bytes, dst, dst_bytes);
	case PAYLOAD_GZIP: return unpack_gzip(bytes, len_bytes, dst, dst_bytes);
	default: return -ENOTSUP;
	}
}
