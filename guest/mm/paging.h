/* SPDX-License-Identifier: MIT
 *
 * Page tables: 4 levels, 4 KiB mappings, and the direct map in large pages.
 */
#ifndef GUEST_MM_PAGING_H
#define GUEST_MM_PAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/mm/layout.h"

extern uint64_t kernel_pml4[512];
extern const char kernel_start[], text_end[], kernel_end[];

/* GPA of something inside the kernel image. */
static inline uint64_t image_gpa(const void *inside)
{
	return (uint64_t)inside - KERNEL_BASE;
}

/* Address of RAM in the direct map; the RAM must be mapped there (all of the memory map is). */
static inline void *direct(uint64_t gpa)
{
	return (void *)(gpa + DIRECT_BASE);
}

/* W^X for the kernel image, and no identity map any more. */
void paging_init(void);

/* Adds [gpa, gpa + bytes) to the direct map, in pages of 2 MiB or 1 GiB. false: out of memory. */
bool paging_direct_add(uint64_t gpa, uint64_t bytes);

/* direct(gpa) for something that may lie anywhere, e.g. a firmware table. NULL: can't be mapped. */
void *paging_direct(uint64_t gpa, uint64_t bytes);

/* Maps one page; flags are PTE_WRITE, PTE_USER, PTE_NX, … . A page that was mapped before is
 * replaced, and the caller flushes it. false: no memory for a table. */
bool paging_map(uint64_t *pml4, uint64_t gva, uint64_t gpa, uint64_t flags);

/* Where the entry for a 4 KiB page of gva is, or NULL: there is no page table for it. */
uint64_t *paging_entry(uint64_t *pml4, uint64_t gva);

/* Takes one 4 KiB mapping away: the GPA that it had. The caller flushes it. */
uint64_t paging_unmap(uint64_t *pml4, uint64_t gva);

/* The entry that maps gva by a 4 KiB page, or 0. */
uint64_t paging_lookup(const uint64_t *pml4, uint64_t gva);

/* A new address space: the kernel's half and nothing else. NULL: no memory. */
uint64_t *paging_create_space(void);

/* GPA of a table for CR3. */
static inline uint64_t paging_root(const uint64_t *pml4)
{
	const uint64_t at = (uint64_t)pml4;

	return at >= KERNEL_BASE ? at - KERNEL_BASE : at - DIRECT_BASE;
}

#endif
