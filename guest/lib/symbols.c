/* SPDX-License-Identifier: MIT
 *
 * Lookup in the symbol table that symbols.awk makes of the first link: it is read from its start, once for
 * each question.
 */
#include "guest/lib/symbols.h"

#include "guest/lib/string.h"
#include "guest/mm/paging.h"

#define NAME_MAX 64
#define ANSWERS 4 /* that are good at the same time */
#define LAST 0x80

extern const uint32_t symbol_count;
extern const uint8_t symbol_table[];

/* The name of the entry whose characters start at at, over the one before in name; where the next starts. */
static const uint8_t *read_name(const uint8_t *at, char *name)
{
	unsigned length = *at++;

	for (;; at++) {
		if (length < NAME_MAX - 1)
			name[length++] = (char)(*at & ~LAST);
		if (*at & LAST)
			break;
	}
	name[length] = 0;
	return at + 1;
}

const char *symbol_name(uint64_t address, uint64_t *offset)
{
	static char answer[ANSWERS][NAME_MAX];
	static unsigned last;
	char *found = answer[__atomic_add_fetch(&last, 1, __ATOMIC_RELAXED) % ANSWERS];
	const uint64_t wanted = address - (uint64_t)kernel_start;
	const uint8_t *at = symbol_table;
	uint64_t start = 0;
	char name[NAME_MAX];

	*offset = 0;
	if (address < (uint64_t)kernel_start || address >= (uint64_t)text_end || !symbol_count)
		return "?";
	for (uint32_t i = 0; i < symbol_count; i++) {
		const uint64_t next = start + (at[0] | (unsigned)at[1] << 8);

		if (i && next > wanted)
			break;
		start = next;
		at = read_name(at + 2, name);
	}
	*offset = wanted - start;
	return memcpy(found, name, NAME_MAX);
}
