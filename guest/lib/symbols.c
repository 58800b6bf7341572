/* SPDX-License-Identifier: MIT
 *
 * Lookup in the symbol table. scripts in guest.mk generate it from the first link: entries in
 * ascending order, {offset from kernel_start, offset of the name}, then the names.
 */
#include "guest/lib/symbols.h"

#include "guest/mm/paging.h"

struct symbol {
	uint32_t text_offset, name_offset;
};

extern const uint32_t symbol_count;
extern const struct symbol symbol_table[];
extern const char symbol_names[];

const char *symbol_name(uint64_t address, uint64_t *offset)
{
	const uint64_t text_offset = address - (uint64_t)kernel_start;
	uint32_t low = 0, high = symbol_count;

	*offset = 0;
	if (address < (uint64_t)kernel_start || address >= (uint64_t)text_end || !high)
		return "?";
	while (high - low > 1) {
		const uint32_t middle = low + (high - low) / 2;

		if (symbol_table[middle].text_offset <= text_offset)
			low = middle;
		else
			high = middle;
	}
	*offset = text_offset - symbol_table[low].text_offset;
	return symbol_names + symbol_table[low].name_offset;
}
