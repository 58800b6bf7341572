/* SPDX-License-Identifier: MIT
 *
 * What a protected-mode or 64-bit entry stands on: the boot GDT, and page tables that map the
 * first 4 GiB onto themselves. Selectors 0x10 and 0x18 are those of Linux's boot protocols.
 */
#include <errno.h>
#include <string.h>

#include "boot/fail.h"
#include "boot/load.h"
#include "memory_map.h"

enum { SELECTOR_CODE32 = 0x08, SELECTOR_CODE64 = 0x10, SELECTOR_DATA = 0x18, SELECTOR_TSS = 0x20 };

/* Intel SDM vol. 3, §3.4.5: flat, present, ring 0, accessed; a busy 32-bit TSS of 0x68 bytes
 * at 0. */
static const uint64_t boot_gdt[] = {
	0,
	[SELECTOR_CODE32 / 8] = 0x00cf9b000000ffff,
	[SELECTOR_CODE64 / 8] = 0x00af9b000000ffff,
	[SELECTOR_DATA / 8] = 0x00cf93000000ffff,
	[SELECTOR_TSS / 8] = 0x00008b0000000067,
};

#define TABLE_ENTRIES 512
#define ENTRY_PRESENT_WRITABLE 0x3ULL
#define ENTRY_LARGE 0x80ULL
#define LARGE_PAGE_BYTES 0x200000ULL
#define DIRECTORY_COUNT 4 /* of 1 GiB each */

struct page_tables {
	uint64_t level4[TABLE_ENTRIES];
	uint64_t level3[TABLE_ENTRIES];
	uint64_t level2[DIRECTORY_COUNT][TABLE_ENTRIES];
};

static void fill_page_tables(struct page_tables *tables)
{
	uint64_t *level2 = tables->level2[0];

	tables->level4[0] = (GPA_BOOT_PAGE_TABLES + offsetof(struct page_tables, level3)) |
			    ENTRY_PRESENT_WRITABLE;
	for (unsigned i = 0; i < DIRECTORY_COUNT; i++)
		tables->level3[i] = (GPA_BOOT_PAGE_TABLES +
				     offsetof(struct page_tables, level2[i])) |
				    ENTRY_PRESENT_WRITABLE;
	for (uint64_t i = 0; i < DIRECTORY_COUNT * TABLE_ENTRIES; i++)
		level2[i] = i * LARGE_PAGE_BYTES | ENTRY_LARGE | ENTRY_PRESENT_WRITABLE;
}

int load_start_state(struct load *load, enum boot_mode mode)
{
	bool long_mode = mode == BOOT_MODE_LONG64;
	struct page_tables *tables = gmem_slice(load->mem, GPA_BOOT_PAGE_TABLES, sizeof *tables);
	struct boot_entry *entry = load->entry;

	if (!tables || gmem_write(load->mem, GPA_BOOT_GDT, boot_gdt, sizeof boot_gdt))
		return boot_fail(load->error, -ENOMEM, NULL, "no guest RAM for boot structures");
	if (long_mode)
		fill_page_tables(tables);
	entry->mode = mode;
	entry->rsp = GPA_BOOT_PAGE_TABLES; /* the page below is free */
	entry->cr3 = long_mode ? GPA_BOOT_PAGE_TABLES : 0;
	entry->gdt_gpa = GPA_BOOT_GDT;
	entry->gdt_limit = sizeof boot_gdt - 1;
	entry->code_selector = long_mode ? SELECTOR_CODE64 : SELECTOR_CODE32;
	entry->data_selector = SELECTOR_DATA;
	entry->tss_selector = SELECTOR_TSS;
	return 0;
}
