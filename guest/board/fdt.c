/* SPDX-License-Identifier: MIT
 *
 * The device tree reader. No node or property is remembered: one pass, in order, is enough.
 */
#include "guest/board/fdt.h"

#include "guest/lib/string.h"

#define FDT_MAGIC 0xd00dfeed
#define FDT_HEADER_BYTES 40
#define FDT_VERSION 17
#define FDT_DEPTH_MAX 16

enum { TOKEN_NODE = 1, TOKEN_NODE_END = 2, TOKEN_PROPERTY = 3, TOKEN_NOP = 4, TOKEN_END = 9 };

/* Words of the header. */
enum { AT_MAGIC, AT_TOTAL, AT_STRUCT, AT_STRINGS, AT_RSVMAP, AT_VERSION, AT_COMPATIBLE };
enum { AT_STRINGS_BYTES = 8, AT_STRUCT_BYTES = 9 };

static uint32_t word(const uint8_t *at)
{
	uint32_t big_endian;

	__builtin_memcpy(&big_endian, at, 4);
	return __builtin_bswap32(big_endian);
}

static bool block_fits(uint32_t at, uint32_t bytes, uint32_t total)
{
	return at >= FDT_HEADER_BYTES && at <= total && bytes <= total - at;
}

bool fdt_open(struct fdt *fdt, const void *blob, uint64_t max_bytes)
{
	const uint8_t *header = blob;
	uint32_t total;

	if (max_bytes < FDT_HEADER_BYTES || word(header) != FDT_MAGIC)
		return false;
	total = word(header + 4 * AT_TOTAL);
	if (total < FDT_HEADER_BYTES || total > max_bytes ||
	    word(header + 4 * AT_VERSION) < FDT_VERSION ||
	    word(header + 4 * AT_COMPATIBLE) > FDT_VERSION)
		return false;
	*fdt = (struct fdt){.blob = blob};
	fdt->struct_at = word(header + 4 * AT_STRUCT);
	fdt->struct_end = word(header + 4 * AT_STRUCT_BYTES);
	fdt->strings_at = word(header + 4 * AT_STRINGS);
	fdt->strings_end = word(header + 4 * AT_STRINGS_BYTES);
	if (!block_fits(fdt->struct_at, fdt->struct_end, total) ||
	    !block_fits(fdt->strings_at, fdt->strings_end, total) || fdt->struct_at % 4)
		return false;
	fdt->struct_end += fdt->struct_at;
	fdt->strings_end += fdt->strings_at;
	/* With a NUL at its end, every name that starts in the block also ends there. */
	return fdt->strings_at < fdt->strings_end && !fdt->blob[fdt->strings_end - 1];
}

static bool take_word(struct fdt *fdt, uint32_t *value)
{
	if (fdt->struct_end - fdt->struct_at < 4)
		return false;
	*value = word(fdt->blob + fdt->struct_at);
	fdt->struct_at += 4;
	return true;
}

/* Moves over bytes and the padding behind them. */
static bool skip(struct fdt *fdt, uint32_t bytes)
{
	const uint32_t left = fdt->struct_end - fdt->struct_at;

	if (bytes > left || (bytes + 3) / 4 * 4 > left)
		return false;
	fdt->struct_at += (bytes + 3) / 4 * 4;
	return true;
}

static enum fdt_event bad(struct fdt *fdt)
{
	fdt->struct_at = fdt->struct_end;
	return FDT_BAD;
}

static enum fdt_event take_node(struct fdt *fdt)
{
	const char *name = (const char *)fdt->blob + fdt->struct_at;
	const uint32_t left = fdt->struct_end - fdt->struct_at;
	uint32_t length = 0;

	while (length < left && name[length])
		length++;
	if (length == left || !skip(fdt, length + 1) || fdt->depth == FDT_DEPTH_MAX)
		return bad(fdt);
	fdt->name = name;
	fdt->depth++;
	return FDT_NODE;
}

static enum fdt_event take_property(struct fdt *fdt)
{
	uint32_t name;

	if (!take_word(fdt, &fdt->value.bytes) || !take_word(fdt, &name) ||
	    name >= fdt->strings_end - fdt->strings_at)
		return bad(fdt);
	fdt->value.at = fdt->blob + fdt->struct_at;
	fdt->name = (const char *)fdt->blob + fdt->strings_at + name;
	return skip(fdt, fdt->value.bytes) ? FDT_PROPERTY : bad(fdt);
}

enum fdt_event fdt_next(struct fdt *fdt)
{
	uint32_t token;

	do {
		if (!take_word(fdt, &token))
			return bad(fdt);
	} while (token == TOKEN_NOP);

	switch (token) {
	case TOKEN_NODE: return take_node(fdt);
	case TOKEN_PROPERTY: return fdt->depth ? take_property(fdt) : bad(fdt);
	case TOKEN_NODE_END:
		if (!fdt->depth)
			return bad(fdt);
		fdt->depth--;
		return FDT_NODE_END;
	case TOKEN_END: return fdt->depth ? bad(fdt) : FDT_END;
	default: return bad(fdt);
	}
}

uint32_t fdt_cell(const struct fdt_value *value, unsigned index)
{
	return value->bytes / 4 > index ? word(value->at + 4 * index) : 0;
}

uint64_t fdt_cell_pair(const struct fdt_value *value, unsigned index)
{
	return (uint64_t)fdt_cell(value, index) << 32 | fdt_cell(value, index + 1);
}

const char *fdt_string_after(const struct fdt_value *value, const char *s)
{
	const char *first = (const char *)value->at, *end = first + value->bytes;

	if (!value->bytes || end[-1])
		return NULL;
	if (!s)
		return first;
	s += strlen(s) + 1;
	return s < end ? s : NULL;
}
