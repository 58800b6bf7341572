/* SPDX-License-Identifier: MIT
 *
 * Memory that devices read and write: contiguous, below 4 GiB, kept for as long as the kernel runs.
 */
#ifndef GUEST_MM_DMA_H
#define GUEST_MM_DMA_H

#include <stdbool.h>
#include <stdint.h>

struct dma {
	void *at;
	uint64_t gpa;
	uint64_t bytes;
};

/* Zeroed memory of at least this size, page-aligned. false: there is none. */
bool dma_alloc(struct dma *dma, uint64_t bytes);

/* The part of it from offset on; offset + bytes must be inside. */
static inline struct dma dma_part(const struct dma *dma, uint64_t offset, uint64_t bytes)
{
	return (struct dma){(char *)dma->at + offset, dma->gpa + offset, bytes};
}

#endif
