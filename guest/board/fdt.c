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
	return true;
}

/* The string at offset at, or NULL if it doesn't end before end. */
static const char *string_at(const struct fdt *fdt, uint32_t at, uint32_t end, uint32_t *bytes)
{
	for (uint32_t i = at; i < end; i++)
		if (!fdt->blob[i]) {
			*bytes = i - at + 1;
			return (const char *)fdt->blob + at;
		}
	return NULL;
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
	uint32_t bytes;

	fdt->name = string_at(fdt, fdt->struct_at, fdt->struct_end, &bytes);
	if (!fdt->name || !skip(fdt, bytes) || fdt->depth == FDT_DEPTH_MAX)
		return bad(fdt);
	fdt->depth++;
	return FDT_NODE;
}

static enum fdt_event take_property(struct fdt *fdt)
{
	const uint32_t strings = fdt->strings_end - fdt->strings_at;
	uint32_t name, unused;

	if (!take_word(fdt, &fdt->value_bytes) || !take_word(fdt, &name) || name >= strings)
		return bad(fdt);
	fdt->value = fdt->blob + fdt->struct_at;
	fdt->name = string_at(fdt, fdt->strings_at + name, fdt->strings_end, &unused);
	if (!fdt->name || !skip(fdt, fdt->value_bytes))
		return bad(fdt);
	return FDT_PROPERTY;
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

uint32_t fdt_cell(const struct fdt *fdt, unsigned index)
{
	return fdt->value_bytes / 4 > index ? word(fdt->value + 4 * index) : 0;
}

uint64_t fdt_cell_pair(const struct fdt *fdt, unsigned index)
{
	return (uint64_t)fdt_cell(fdt, index) << 32 | fdt_cell(fdt, index + 1);
}

const char *fdt_string_after(const struct fdt *fdt, const char *s)
{
	const char *first = (const char *)fdt->value, *end = first + fdt->value_bytes;

	if (!fdt->value_bytes || end[-1])
		return NULL;
	if (!s)
		return first;
	s += strlen(s) + 1;
	return s < end ? s : NULL;
}
