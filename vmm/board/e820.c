/* SPDX-License-Identifier: MIT
 *
 * What RAM there is and what of it is taken: abi/memory_map.h as a list. Addresses without an entry
 * (VGA, the hole below 4 GiB) are not RAM.
 */
#include "board/board.h"

#include "memory_map.h"

#define VGA_HOLE_START 0xa0000

unsigned board_build_e820(const struct board *board, struct board_e820_entry entry[BOARD_E820_MAX])
{
	uint64_t low_end = board->memory_bytes < GPA_HOLE_START ? board->memory_bytes
								: GPA_HOLE_START;
	const struct board_e820_entry map[] = {
		{0, GPA_LOW_RAM_END, E820_RAM},
		{GPA_HYPERCALL_PAGE, VGA_HOLE_START - GPA_HYPERCALL_PAGE, E820_RESERVED},
		/* Typed as reserved, as BIOS memory always is: E820_ACPI would invite the guest to
		 * use it as RAM once it has read the tables. */
		{GPA_ACPI_TABLES, GPA_HIGH_RAM - GPA_ACPI_TABLES, E820_RESERVED},
		{GPA_HIGH_RAM, low_end > GPA_HIGH_RAM ? low_end - GPA_HIGH_RAM : 0, E820_RAM},
		/* Linux uses MMCONFIG only where that is reserved. */
		{GPA_PCI_CONFIG, board_has_pci(board) ? GPA_PCI_CONFIG_BYTES : 0, E820_RESERVED},
		{GPA_HOLE_END, board->memory_bytes - low_end, E820_RAM},
	};
	unsigned count = 0;

	for (unsigned i = 0; i < sizeof map / sizeof *map; i++)
		if (map[i].size_bytes)
			entry[count++] = map[i];
	return count;
}
