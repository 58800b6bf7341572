/* SPDX-License-Identifier: MIT
 *
 * The two pages are the kernel's, mapped in every program as anonymous pages that are shared after a fork are:
 * who may not write them gets a copy when it does. They are locked for good, which keeps them out of swap.
 */
#include "guest/hyper/vdso.h"

#include "guest/hyper/features.h"
#include "guest/lib/panic.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/mm/space.h"
#include "guest/mm/tables.h"

extern const char vdso_image[], vdso_image_end[];

struct vdso_data *vdso_data;
static struct page *pages[VDSO_BYTES / PAGE_BYTES];

static struct page *take_page(void)
{
	struct page *page = page_alloc(0, PAGE_ZEROED);

	if (page)
		page->flags = PAGE_ANONYMOUS | PAGE_LOCKED;
	return page;
}

void vdso_init(void)
{
	pages[0] = take_page();
	if (!pages[0])
		panic("no memory for the clock's page");
	vdso_data = page_data(pages[0]);
}

void vdso_start(void)
{
	if (!pv_use(PV_VDSO, vdso_data->mode != VDSO_SYSTEM_CALL))
		return;
	pages[1] = take_page();
	if (pages[1])
		memcpy(page_data(pages[1]), vdso_image, vdso_image_end - vdso_image);
}

uint64_t vdso_map(struct space *space, uint64_t gva)
{
	const uint64_t bits = PTE_PRESENT | PTE_ACCESSED_DIRTY | PTE_USER;
	uint64_t *entry;

	if (!pages[1] || space_map(space, gva, VDSO_BYTES, PROT_READ | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0) < 0)
		return 0;
	space_label(space, gva, "[vdso]");
	for (unsigned i = 0; i < VDSO_BYTES / PAGE_BYTES; i++) {
		entry = tables_make(space, gva + i * PAGE_BYTES, 0);
		if (!entry)
			return 0; /* what isn't there reads as zeroes, and is no ELF file */
		page_get(pages[i]);
		*entry = page_gpa(pages[i]) | bits;
		space->resident++;
	}
	pv_counted(PV_VDSO);
	return gva + PAGE_BYTES;
}
