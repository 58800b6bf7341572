/* SPDX-License-Identifier: MIT
 *
 * Rows of frames, seen through the direct map.
 */
#include "guest/mm/dma.h"

#include "guest/lib/string.h"
#include "guest/mm/frame.h"
#include "guest/mm/paging.h"

bool dma_alloc(struct dma *dma, uint64_t bytes)
{
	const uint64_t count = (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
	const uint64_t gpa = frame_alloc_row(count);

	if (!gpa)
		return false;
	*dma = (struct dma){direct(gpa), gpa, count * PAGE_BYTES};
	memset(dma->at, 0, dma->bytes);
	return true;
}
