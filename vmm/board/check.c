/* SPDX-License-Identifier: MIT
 *
 * Which lines of the board table make up a machine, and that they fit together.
 */
#include "board/board.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hypercall.h"
#include "memory_map.h"

#define GSI_COUNT 24 /* pins of the IOAPIC */
#define PORT_SPACE_END 0x10000

/* Not devices of the table, but addresses that are taken all the same. */
static const struct board_window taken[] = {
	{BUS_PIO, HYPERCALL_PORT, 8},
	{BUS_MMIO, GPA_LAPIC, 0x1000},
	{BUS_MMIO, GPA_KVM_IDENTITY_MAP, 0x4000}, /* and the TSS behind it */
	{BUS_MMIO, GPA_FIRMWARE_ROM, FIRMWARE_BYTES},
};

bool board_has(const struct board *board, const struct board_device *entry)
{
	switch (entry->when) {
	case BOARD_ALWAYS: return true;
	case BOARD_WITH_KERNEL_IRQCHIP: return board->irqchip == BOARD_IRQCHIP_KERNEL;
	case BOARD_WITH_SPLIT_IRQCHIP: return board->irqchip == BOARD_IRQCHIP_SPLIT;
	case BOARD_WITH_DEBUG_EXIT: return board->debug_exit;
	case BOARD_WITH_PCI: return board_has_pci(board);
	case BOARD_WITHOUT_PCI: return !board_has_pci(board);
	}
	return false;
}

const struct board_device *board_find(const struct board *board, const char *name)
{
	for (unsigned i = 0; i < board_table_count; i++)
		if (board_has(board, &board_table[i]) && !strcmp(board_table[i].name, name))
			return &board_table[i];
	return NULL;
}

static int __attribute__((format(printf, 2, 3)))
fault(struct board_fault *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (why)
		vsnprintf(why->text, sizeof why->text, fmt, args);
	va_end(args);
	return -EINVAL;
}

static bool overlaps(const struct board_window *a, const struct board_window *b)
{
	return a->space == b->space && a->base < b->base + b->size_bytes &&
	       b->base < a->base + a->size_bytes;
}

/* Sizes are powers of two or one, and a window starts at a multiple of its size. */
static int check_window(const struct board_device *entry, const struct board_window *window,
			struct board_fault *why)
{
	uint64_t first = window->space == BUS_PIO ? 0 : GPA_HOLE_START;
	uint64_t end = window->space == BUS_PIO ? PORT_SPACE_END : GPA_HOLE_END;
	uint64_t size = window->size_bytes;

	if (size & (size - 1) || window->base & (size - 1))
		return fault(why, "%s: window 0x%llx/0x%llx is not aligned to its size",
			     entry->name, (unsigned long long)window->base,
			     (unsigned long long)size);
	if (window->base < first || window->base >= end || size > end - window->base)
		return fault(why, "%s: window 0x%llx/0x%llx is outside the device address space",
			     entry->name, (unsigned long long)window->base,
			     (unsigned long long)size);
	for (unsigned i = 0; i < sizeof taken / sizeof *taken; i++)
		if (overlaps(window, &taken[i]))
			return fault(why, "%s: window 0x%llx is taken by the board itself",
				     entry->name, (unsigned long long)window->base);
	return 0;
}

static int check_pair(const struct board_device *a, const struct board_device *b,
		      struct board_fault *why)
{
	if (a->irq != BOARD_NO_IRQ && a->irq == b->irq)
		return fault(why, "%s and %s share interrupt %d", a->name, b->name, a->irq);
	if (!strcmp(a->name, b->name))
		return fault(why, "two devices are called %s", a->name);
	for (unsigned i = 0; i < BOARD_WINDOW_MAX && a->window[i].size_bytes; i++)
		for (unsigned j = 0; j < BOARD_WINDOW_MAX && b->window[j].size_bytes; j++)
			if (overlaps(&a->window[i], &b->window[j]))
				return fault(why, "%s and %s overlap at 0x%llx", a->name, b->name,
					     (unsigned long long)b->window[j].base);
	return 0;
}

static int check_device(const struct board_device *entry, struct board_fault *why)
{
	if (entry->irq != BOARD_NO_IRQ && (entry->irq < 0 || entry->irq >= GSI_COUNT))
		return fault(why, "%s: there is no interrupt %d", entry->name, entry->irq);
	for (unsigned i = 0; i < BOARD_WINDOW_MAX && entry->window[i].size_bytes; i++) {
		int err = check_window(entry, &entry->window[i], why);

		if (err)
			return err;
		for (unsigned j = 0; j < i; j++)
			if (overlaps(&entry->window[i], &entry->window[j]))
				return fault(why, "%s: its own windows overlap", entry->name);
	}
	return 0;
}

int board_check_table(const struct board *board, const struct board_device *table, unsigned count,
		      struct board_fault *why)
{
	int err = 0;

	for (unsigned i = 0; i < count && !err; i++) {
		if (!board_has(board, &table[i]))
			continue;
		err = check_device(&table[i], why);
		for (unsigned j = 0; j < i && !err; j++)
			if (board_has(board, &table[j]))
				err = check_pair(&table[j], &table[i], why);
	}
	return err;
}

/* As if it were a line of the table. */
static int check_fixed_windows(const struct board *board, const struct board_plugin *plugin,
			       struct board_fault *why)
{
	struct board_device entry = {.name = plugin->name, .irq = BOARD_NO_IRQ};
	int err;

	for (unsigned i = 0; i < plugin->window_count; i++)
		entry.window[i] = plugin->window[i];
	err = check_device(&entry, why);
	for (unsigned i = 0; i < board_table_count && !err; i++)
		if (board_has(board, &board_table[i]))
			err = check_pair(&board_table[i], &entry, why);
	return err;
}

static int check_plugins(const struct board *board, struct board_fault *why)
{
	struct board_place place;

	int err = 0;

	for (unsigned i = 0; i < board->plugin_count && !err; i++) {
		const struct board_plugin *plugin = &board->plugin[i];

		if (board_place_plugin(board, i, &place) < 0)
			return fault(why, "there is no %s left for %s",
				     plugin->plug == BOARD_PLUG_VIRTIO_MMIO ? "interrupt"
									    : "PCI slot",
				     plugin->name);
		if (plugin->window_count)
			err = check_fixed_windows(board, plugin, why);
	}
	return err;
}

int board_check(const struct board *board, struct board_fault *why)
{
	int err = check_plugins(board, why);

	if (err)
		return err;
	return board_check_table(board, board_table, board_table_count, why);
}
