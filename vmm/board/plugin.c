/* SPDX-License-Identifier: MIT
 *
 * Where plugins are on the board: PCI slots and virtio-mmio pages in the order of the command line.
 */
#include <errno.h>

#include "board/board.h"
#include "dev/pci_host.h"
#include "memory_map.h"

#define MMIO_PAGE_BYTES 0x1000

/* Inputs of the IOAPIC that no device of the table uses. PCI's INTA# takes those from 16 on. */
static const uint8_t free_irq[] = {5, 6, 7, 10, 11, 12, 3, 16, 17, 18, 19, 20, 21, 22, 23};
#define FREE_BELOW_PCI 7

static bool is_mmio(const struct board_plugin *plugin)
{
	return plugin->plug == BOARD_PLUG_VIRTIO_MMIO;
}

/* How many plugins before number end hang on MMIO. */
static unsigned count_mmio(const struct board *board, unsigned end)
{
	unsigned count = 0;

	for (unsigned i = 0; i < end; i++)
		count += is_mmio(&board->plugin[i]);
	return count;
}

unsigned board_mmio_count(const struct board *board)
{
	return count_mmio(board, board->plugin_count);
}

bool board_has_pci(const struct board *board)
{
	return board_mmio_count(board) < board->plugin_count;
}

int board_place_plugin(const struct board *board, unsigned index, struct board_place *place)
{
	unsigned before = count_mmio(board, index);
	unsigned irqs = board_has_pci(board) ? FREE_BELOW_PCI : sizeof free_irq;

	*place = (struct board_place){.irq = BOARD_NO_IRQ};
	if (is_mmio(&board->plugin[index])) {
		if (before >= irqs)
			return -ENOSPC;
		place->gpa = GPA_VIRTIO_MMIO + before * MMIO_PAGE_BYTES;
		place->irq = free_irq[before];
		return 0;
	}
	place->slot = index - before + 1; /* 0 is the bridge itself */
	place->irq = (int)(PCI_HOST_FIRST_GSI + place->slot % PCI_HOST_GSI_COUNT);
	return place->slot <= BOARD_PLUGIN_MAX ? 0 : -ENOSPC;
}
