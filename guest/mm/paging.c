/* SPDX-License-Identifier: MIT
 *
 * Four-level paging (Intel SDM vol. 3 §4.5). arch/entry.S has the static tables and their picture.
 */
#include "guest/mm/paging.h"

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/spinlock.h"
#include "guest/lib/string.h"
#include "guest/mm/frame.h"
#include "guest/mm/page.h"

#define ADDRESS 0x000ffffffffff000ull
#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED_DIRTY)

extern uint64_t direct_pdpt[512], low_pd[512], image_pd[512];
extern const uint64_t image_pt[512];
static struct spinlock lock; /* the kernel's half; a process's half has one owner */

static unsigned entry_index(uint64_t gva, unsigned level)
{
	return gva >> (12 + 9 * level) & 511;
}

/* Static tables lie in the image, but the direct map shows them too. */
static uint64_t *table_of(uint64_t entry)
{
	return direct(entry & ADDRESS);
}

void paging_init(void)
{
	image_pd[KERNEL_GPA / LARGE_PAGE_BYTES] = image_gpa(image_pt) | TABLE_FLAGS;
	low_pd[KERNEL_GPA / LARGE_PAGE_BYTES] = image_gpa(image_pt) | TABLE_FLAGS;
	cr3_write(image_gpa(kernel_pml4));
}

static bool direct_add_2m(uint64_t gpa)
{
	uint64_t *entry = &direct_pdpt[gpa / GIB], *pd;
	const unsigned slot = gpa / LARGE_PAGE_BYTES % 512;

	if (*entry & PTE_LARGE)
		return true;
	if (!*entry) {
		const uint64_t frame = frame_alloc_zeroed();

		if (!frame)
			return false;
		*entry = frame | TABLE_FLAGS;
	}
	pd = table_of(*entry);
	if (!pd[slot])
		pd[slot] = gpa | TABLE_FLAGS | PTE_LARGE;
	return true;
}

bool paging_direct_add(uint64_t gpa, uint64_t bytes)
{
	const uint64_t end = gpa + bytes;

	if (end < gpa || end > DIRECT_BYTES)
		return false;
	gpa &= ~(uint64_t)(LARGE_PAGE_BYTES - 1);
	if (gpa < GIB)
		gpa = GIB; /* low_pd has it */
	while (gpa < end) {
		const bool whole = gpa % GIB == 0 && end - gpa >= GIB;

		if (whole && cpu_features.large_gib_pages && !direct_pdpt[gpa / GIB]) {
			direct_pdpt[gpa / GIB] = gpa | TABLE_FLAGS | PTE_LARGE;
			gpa += GIB;
			continue;
		}
		if (!direct_add_2m(gpa))
			return false;
		gpa += LARGE_PAGE_BYTES;
	}
	return true;
}

void *paging_direct(uint64_t gpa, uint64_t bytes)
{
	return gpa && paging_direct_add(gpa, bytes) ? direct(gpa) : NULL;
}

static bool map(uint64_t *table, uint64_t gva, uint64_t gpa, uint64_t flags)
{
	for (unsigned level = 3; level > 0; level--) {
		uint64_t *entry = &table[entry_index(gva, level)];

		if (!*entry) {
			const uint64_t frame = frame_alloc_zeroed();

			if (!frame)
				return false;
			*entry = frame | TABLE_FLAGS;
		}
		*entry |= flags & PTE_USER;
		table = table_of(*entry);
	}
	table[entry_index(gva, 0)] = gpa | flags | PTE_PRESENT | PTE_ACCESSED_DIRTY;
	return true;
}

bool paging_map(uint64_t *pml4, uint64_t gva, uint64_t gpa, uint64_t flags)
{
	const uint64_t irq = spin_lock(&lock);
	const bool mapped = map(pml4, gva, gpa, flags);

	spin_unlock(&lock, irq);
	return mapped;
}

uint64_t *paging_entry(uint64_t *pml4, uint64_t gva)
{
	uint64_t *table = pml4;

	for (unsigned level = 3; level > 0; level--) {
		const uint64_t entry = table[entry_index(gva, level)];

		if (!(entry & PTE_PRESENT) || (entry & PTE_LARGE))
			return NULL;
		table = table_of(entry);
	}
	return &table[entry_index(gva, 0)];
}

uint64_t paging_lookup(const uint64_t *pml4, uint64_t gva)
{
	const uint64_t *entry = paging_entry((uint64_t *)pml4, gva);

	return entry ? *entry : 0;
}

uint64_t paging_unmap(uint64_t *pml4, uint64_t gva)
{
	uint64_t *entry = paging_entry(pml4, gva);
	uint64_t old = 0;

	if (entry) {
		old = *entry;
		*entry = 0;
	}
	return old & ADDRESS;
}

uint64_t *paging_create_space(void)
{
	const struct page *page = page_alloc(0, PAGE_ATOMIC | PAGE_ZEROED);
	uint64_t *pml4;

	if (!page)
		return NULL;
	pml4 = page_data(page);
	pml4[entry_index(DIRECT_BASE, 3)] = kernel_pml4[entry_index(DIRECT_BASE, 3)];
	pml4[511] = kernel_pml4[511];
	return pml4;
}
