/* SPDX-License-Identifier: MIT
 *
 * The device tree reader. No node or property is remembered: one pass, in order, is enough.
 */
#include "guest/board/fdt.h"

#include "guest/lib/string.h"

#define MAGIC 0xd00dfeed
#define HEADER_BYTES 40
#define VERSION 17

enum { TOKEN_NODE = 1, TOKEN_NODE_END = 2, TOKEN_PROPERTY = 3, TOKEN_NOP = 4, TOKEN_END = 9 };

/* Words of the header. */
enum {
	AT_TOTAL = 1,
	AT_STRUCT = 2,
	AT_STRINGS = 3,
	AT_VERSION = 5,
	AT_COMPATIBLE = 6,
	AT_STRINGS_BYTES = 8,
	AT_STRUCT_BYTES = 9
};

static uint32_t word(const uint8_t *at)
{
	uint32_t big_endian;

	__builtin_memcpy(&big_endian, at, 4);
	return __builtin_bswap32(big_endian);
}

static bool block_fits(uint32_t at, uint32_t bytes, uint32_t total)
{
	return at >= HEADER_BYTES && at <= total && bytes <= total - at;
}

bool fdt_open(struct fdt *fdt, const void *blob, uint64_t max_bytes)
{
	const uint8_t *header = blob;
	uint32_t total, structure, structure_bytes, strings, strings_bytes;

	if (max_bytes < HEADER_BYTES || word(header) != MAGIC)
		return false;
	total = word(header + 4 * AT_TOTAL);
	structure = word(header + 4 * AT_STRUCT);
	structure_bytes = word(header + 4 * AT_STRUCT_BYTES);
	strings = word(header + 4 * AT_STRINGS);
	strings_bytes = word(header + 4 * AT_STRINGS_BYTES);
	if (total < HEADER_BYTES || total > max_bytes || word(header + 4 * AT_VERSION) < VERSION ||
	    word(header + 4 * AT_COMPATIBLE) > VERSION ||
	    !block_fits(structure, structure_bytes, total) || structure % 4 ||
	    structure_bytes % 4 || !block_fits(strings, strings_bytes, total))
		return false;
	*fdt = (struct fdt){.at = header + structure,
			    .end = header + structure + structure_bytes,
			    .strings = (const char *)header + strings,
			    .strings_bytes = strings_bytes};
	/* With a NUL at its end, every name that starts in the block also ends there. */
	return strings_bytes && !fdt->strings[strings_bytes - 1];
}

static enum fdt_event bad(struct fdt *fdt)
{
	fdt->at = fdt->end;
	return FDT_EVENT_BAD;
}

/* Reads go by whole words: at and end are aligned to 4, and so is what is between them. */
static uint32_t padded(uint32_t bytes)
{
	return (bytes + 3) & ~3u;
}

static enum fdt_event take_node(struct fdt *fdt)
{
	const uint8_t *at = fdt->at;

	while (at < fdt->end && *at)
		at++;
	if (at == fdt->end || fdt->depth == FDT_DEPTH_MAX)
		return bad(fdt);
	fdt->name = (const char *)fdt->at;
	fdt->at += padded(at - fdt->at + 1);
	fdt->depth++;
	return FDT_EVENT_NODE;
}

static enum fdt_event take_property(struct fdt *fdt)
{
	const uint8_t *at = fdt->at;
	uint32_t bytes, name;

	if (fdt->end - at < 8)
		return bad(fdt);
	bytes = word(at);
	name = word(at + 4);
	at += 8;
	if (bytes > fdt->end - at || name >= fdt->strings_bytes)
		return bad(fdt);
	fdt->value = (struct fdt_value){at, bytes};
	fdt->name = fdt->strings + name;
	fdt->at = at + padded(bytes);
	return FDT_EVENT_PROPERTY;
}

enum fdt_event fdt_next(struct fdt *fdt)
{
	uint32_t token;

	do {
		if (fdt->end - fdt->at < 4)
			return bad(fdt);
		token = word(fdt->at);
		fdt->at += 4;
	} while (token == TOKEN_NOP);

	switch (token) {
	case TOKEN_NODE: return take_node(fdt);
	case TOKEN_PROPERTY: return fdt->depth ? take_property(fdt) : bad(fdt);
	case TOKEN_NODE_END:
		if (!fdt->depth)
			return bad(fdt);
		fdt->depth--;
		return FDT_EVENT_NODE_END;
	case TOKEN_END: return fdt->depth ? bad(fdt) : FDT_EVENT_END;
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
