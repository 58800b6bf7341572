/* SPDX-License-Identifier: MIT
 *
 * The window grows and never shrinks: a device's registers are mapped once.
 */
#include "guest/mm/mmio.h"

#include <stddef.h>

#include "guest/mm/paging.h"

static uint64_t next_gva = WINDOW_DEVICES;

volatile void *mmio_map(uint64_t gpa, uint64_t bytes)
{
	const uint64_t offset = gpa % PAGE_BYTES;
	const uint64_t pages = (offset + bytes + PAGE_BYTES - 1) / PAGE_BYTES;
	const uint64_t start = next_gva;

	if (!gpa || !bytes || pages > (WINDOW_DEVICES_END - start) / PAGE_BYTES)
		return NULL;
	for (uint64_t i = 0; i < pages; i++)
		if (!paging_map(kernel_pml4, start + i * PAGE_BYTES, gpa - offset + i * PAGE_BYTES,
				PTE_WRITE | PTE_NX | PTE_UNCACHED))
			return NULL;
	next_gva += pages * PAGE_BYTES;
	return (volatile void *)(start + offset);
}
