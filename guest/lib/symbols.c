/* SPDX-License-Identifier: MIT
 *
 * Lookup in the symbol table. symbols.awk makes it from the first link: offsets from kernel_start in
 * ascending order, then the names in the same order. Who looks one up isn't in a hurry, so nothing says where
 * a name begins.
 */
#include "guest/lib/symbols.h"

#include "guest/lib/string.h"
#include "guest/mm/paging.h"

extern const uint32_t symbol_count;
extern const uint32_t symbol_offset[];
extern const char symbol_names[];

const char *symbol_name(uint64_t address, uint64_t *offset)
{
	const uint64_t text_offset = address - (uint64_t)kernel_start;
	const char *name = symbol_names;
	uint32_t i = 0;

	*offset = 0;
	if (address < (uint64_t)kernel_start || address >= (uint64_t)text_end || !symbol_count)
		return "?";
	for (; i + 1 < symbol_count && symbol_offset[i + 1] <= text_offset; i++)
		name += strlen(name) + 1;
	*offset = text_offset - symbol_offset[i];
	return name;
}
