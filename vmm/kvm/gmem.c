/* SPDX-License-Identifier: MIT
 *
 * Guest RAM: its host mappings, and the only translation from guest-physical to host addresses.
 *
 * Anonymous memory is aligned to 2 MiB and advised huge, so that a nested fault maps 2 MiB at once;
 * shared memory (memfd) normally gets 4 KiB pages and is for those who must share. Every length check
 * compares against what is left of a region, so no sum of guest-chosen numbers is ever formed.
 */
#include "kvm/gmem.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "memory_map.h"

#define GUEST_PAGE_BYTES 0x1000ULL
#define HUGE_PAGE_BYTES 0x200000ULL
#define GMEM_BYTES_MAX \
	(1ULL << 46) /* below every host's user address space and guest's MAXPHYADDR */
#define GMEM_NAME "guest-ram"

#ifndef PR_SET_VMA /* Linux 5.17 */
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

/* Reserves size_bytes of address space starting at a multiple of 2 MiB. NULL: none left. */
static uint8_t *reserve_aligned(uint64_t size_bytes)
{
	uint64_t padded = size_bytes + HUGE_PAGE_BYTES;
	uint8_t *raw = mmap(NULL, padded, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (raw == MAP_FAILED)
		return NULL;

	uint64_t head = -(uintptr_t)raw & (HUGE_PAGE_BYTES - 1);
	uint64_t tail = HUGE_PAGE_BYTES - head; /* both are multiples of the host's page */

	if (head)
		munmap(raw, head);
	munmap(raw + head + size_bytes, tail);
	return raw + head;
}

/* Replaces a reservation by shared memory of the same size. Returns its descriptor, or -errno. */
static int map_shared(uint8_t *hva, uint64_t size_bytes, enum gmem_backing backing)
{
	unsigned flags = MFD_CLOEXEC | (backing == GMEM_HUGETLB ? MFD_HUGETLB : 0);
	int fd = memfd_create(GMEM_NAME, flags);
	int err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size_bytes) == 0 &&
	    mmap(hva, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) !=
		    MAP_FAILED)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int add_region(struct gmem *mem, uint64_t gpa, uint64_t size_bytes,
		      enum gmem_backing backing)
{
	uint8_t *hva = reserve_aligned(size_bytes);
	struct gmem_region *region = &mem->region[mem->region_count];

	if (!hva)
		return -ENOMEM;
	*region = (struct gmem_region){
		.gpa = gpa,
		.size_bytes = size_bytes,
		.hva = hva,
		.fd = -1,
		.page_bytes = backing == GMEM_HUGETLB ? HUGE_PAGE_BYTES : GUEST_PAGE_BYTES,
	};
	mem->region_count++;
	if (backing != GMEM_ANONYMOUS) {
		int fd = map_shared(hva, size_bytes, backing);

		if (fd < 0)
			return fd;
		region->fd = fd;
	}

	/* Advice and name: a host that lacks them runs guests all the same. */
	madvise(hva, size_bytes, MADV_HUGEPAGE);
	if (backing == GMEM_ANONYMOUS)
		prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, hva, size_bytes, GMEM_NAME);
	return 0;
}

int gmem_create(struct gmem *mem, uint64_t size_bytes, enum gmem_backing backing)
{
	uint64_t unit = backing == GMEM_HUGETLB ? HUGE_PAGE_BYTES : GUEST_PAGE_BYTES;
	uint64_t low = size_bytes < GPA_HOLE_START ? size_bytes : GPA_HOLE_START;

	*mem = (struct gmem){0};
	if (!size_bytes || size_bytes % unit || size_bytes > GMEM_BYTES_MAX)
		return -EINVAL;

	int err = add_region(mem, 0, low, backing);

	if (!err && size_bytes > low)
		err = add_region(mem, GPA_HOLE_END, size_bytes - low, backing);
	if (err) {
		gmem_destroy(mem);
		return err == -EINVAL ? -EINVAL : -ENOMEM;
	}
	return 0;
}

void gmem_destroy(struct gmem *mem)
{
	for (unsigned i = 0; i < mem->region_count; i++) {
		munmap(mem->region[i].hva, mem->region[i].size_bytes);
		if (mem->region[i].fd >= 0)
			close(mem->region[i].fd);
	}
	*mem = (struct gmem){0};
}

void *gmem_slice(const struct gmem *mem, uint64_t gpa, uint64_t len_bytes)
{
	for (unsigned i = 0; i < mem->region_count; i++) {
		void *hva = gmem_region_slice(&mem->region[i], gpa, len_bytes);

		if (hva)
			return hva;
	}
	return NULL;
}

/* A copy of nothing succeeds, wherever it is. */
int gmem_read(const struct gmem *mem, uint64_t gpa, void *dst, size_t len_bytes)
{
	const void *src = gmem_slice(mem, gpa, len_bytes);

	if (!src)
		return len_bytes ? -EFAULT : 0;
	memcpy(dst, src, len_bytes);
	return 0;
}

int gmem_write(const struct gmem *mem, uint64_t gpa, const void *src, size_t len_bytes)
{
	void *dst = gmem_slice(mem, gpa, len_bytes);

	if (!dst)
		return len_bytes ? -EFAULT : 0;
	memcpy(dst, src, len_bytes);
	return 0;
}

int gmem_zero(const struct gmem *mem, uint64_t gpa, size_t len_bytes)
{
	void *dst = gmem_slice(mem, gpa, len_bytes);

	if (!dst)
		return len_bytes ? -EFAULT : 0;
	memset(dst, 0, len_bytes);
	return 0;
}

/* Private pages are dropped; shared ones leave a hole in the memfd, for every process that maps it. */
static int discard(const struct gmem_region *region, uint64_t offset, uint64_t len_bytes)
{
	uint64_t page = region->page_bytes;
	uint64_t begin = (offset + page - 1) & ~(page - 1);
	uint64_t end = (offset + len_bytes) & ~(page - 1);
	int advice = region->fd < 0 ? MADV_DONTNEED : MADV_REMOVE;

	if (begin >= end)
		return 0;
	return madvise(region->hva + begin, end - begin, advice) < 0 ? -errno : 0;
}

int gmem_discard_slice(const struct gmem *mem, const void *hva, uint64_t len_bytes)
{
	for (unsigned i = 0; i < mem->region_count; i++) {
		const struct gmem_region *region = &mem->region[i];
		uint64_t offset = (uintptr_t)hva - (uintptr_t)region->hva;

		if (offset < region->size_bytes && len_bytes <= region->size_bytes - offset)
			return discard(region, offset, len_bytes);
	}
	return -EFAULT;
}

int gmem_discard(const struct gmem *mem, uint64_t gpa, uint64_t len_bytes)
{
	const void *hva = gmem_slice(mem, gpa, len_bytes);

	return hva ? gmem_discard_slice(mem, hva, len_bytes) : -EFAULT;
}

uint64_t gmem_end(const struct gmem *mem)
{
	if (!mem->region_count)
		return 0;

	const struct gmem_region *last = &mem->region[mem->region_count - 1];

	return last->gpa + last->size_bytes;
}

uint64_t gmem_size(const struct gmem *mem)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < mem->region_count; i++)
		sum += mem->region[i].size_bytes;
	return sum;
}

void gmem_use_huge_pages(const struct gmem *mem, bool on)
{
	for (unsigned i = 0; i < mem->region_count; i++)
		madvise(mem->region[i].hva, mem->region[i].size_bytes,
			on ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}
