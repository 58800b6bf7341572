/* SPDX-License-Identifier: MIT
 *
 * Guest RAM. The only module that knows where guest memory lives in the host: everybody else copies,
 * or asks for a length-checked span. Does not know KVM; vm.c turns the regions into memory slots.
 */
#ifndef VITRINE_KVM_GMEM_H
#define VITRINE_KVM_GMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GMEM_REGION_MAX 4

struct gmem_region {
	uint64_t gpa;
	uint64_t size_bytes;
	uint8_t *hva;
	int fd; /* of memory that another process can map, from offset 0 on; -1: private */
	uint32_t page_bytes; /* what can be given back to the host in one piece */
};

/* RAM of one machine, ordered by address. Immutable after gmem_create(); safe to use from any thread. */
struct gmem {
	struct gmem_region region[GMEM_REGION_MAX];
	unsigned region_count;
};

enum gmem_backing {
	GMEM_ANONYMOUS, /* private, 2 MiB-aligned, MADV_HUGEPAGE */
	GMEM_HUGETLB,	/* memfd with MFD_HUGETLB (--hugepages) */
	GMEM_MEMFD	/* memfd, shared: another process maps it too */
};

/* Reserves size_bytes (a multiple of 4 KiB) of RAM: below GPA_HOLE_START first, the rest from 4 GiB.
 * Host pages are allocated when first touched. Returns 0, -EINVAL (size), -ENOMEM. */
int gmem_create(struct gmem *mem, uint64_t size_bytes, enum gmem_backing backing);
void gmem_destroy(struct gmem *mem);

/* Whether pages touched from now on are huge ones (as after gmem_create()) or small ones. For anonymous
 * RAM; a wish that the host may not grant. */
void gmem_use_huge_pages(const struct gmem *mem, bool on);

/* Copy from / to guest memory; the span may not leave RAM. 0 or -EFAULT (nothing was copied). */
int gmem_read(const struct gmem *mem, uint64_t gpa, void *dst, size_t len_bytes);
int gmem_write(const struct gmem *mem, uint64_t gpa, const void *src, size_t len_bytes);
int gmem_zero(const struct gmem *mem, uint64_t gpa, size_t len_bytes);

/* Gives the pages that lie wholly inside the span back to the host: they read as zeros from now on, and
 * cost memory again when they are touched. 0, -EFAULT: the span is not inside one region; -errno. The second one is
 * for spans that came from gmem_slice(). */
int gmem_discard(const struct gmem *mem, uint64_t gpa, uint64_t len_bytes);
int gmem_discard_slice(const struct gmem *mem, const void *hva, uint64_t len_bytes);

/* Host address of [gpa, gpa + len_bytes), or NULL where that is not wholly inside one RAM region or
 * len_bytes is 0. The guest may write it at any time: copy before checking. */
void *gmem_slice(const struct gmem *mem, uint64_t gpa, uint64_t len_bytes);

/* The same for one region: for those who know where the last span was, and likely the next one is. */
static inline void *gmem_region_slice(const struct gmem_region *region, uint64_t gpa,
				      uint64_t len_bytes)
{
	uint64_t offset = gpa - region->gpa; /* below the region: wraps to beyond its size */

	if (offset >= region->size_bytes || !len_bytes || len_bytes > region->size_bytes - offset)
		return NULL;
	return region->hva + offset;
}

/* First address behind the highest RAM region; total RAM. */
uint64_t gmem_end(const struct gmem *mem);
uint64_t gmem_size(const struct gmem *mem);

#endif
