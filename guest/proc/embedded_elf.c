/* SPDX-License-Identifier: MIT
 *
 * The ELF loader of user programs. Everything in the file is checked before it is used.
 */
#include "guest/proc/embedded_elf.h"

#include <stdbool.h>

#include "guest/lib/string.h"
#include "guest/mm/frame.h"
#include "guest/mm/paging.h"

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_segment) == 56, "ELF64");

enum { ET_EXEC = 2, EM_X86_64 = 62, PT_LOAD = 1, PF_X = 1, PF_W = 2 };
#define NO_MEMORY 1
#define USER_IMAGE_END (USER_STACK_TOP - USER_STACK_BYTES - PAGE_BYTES) /* a guard page */

static bool segment_fits(const struct elf_segment *s, uint64_t image_bytes)
{
	return s->filesz <= s->memsz && s->offset <= image_bytes &&
	       s->filesz <= image_bytes - s->offset && s->vaddr >= USER_BASE &&
	       s->vaddr < USER_IMAGE_END && s->memsz <= USER_IMAGE_END - s->vaddr &&
	       s->vaddr % PAGE_BYTES == s->offset % PAGE_BYTES;
}

/* The frame for the page at gva: the image's own, or a fresh one with the file's part copied in. */
static uint64_t page_frame(const struct elf_segment *s, const uint8_t *image, uint64_t gva)
{
	const uint64_t start = gva > s->vaddr ? gva : s->vaddr;
	const uint64_t file_end = s->vaddr + s->filesz;
	uint64_t frame, end = gva + PAGE_BYTES;

	if (!(s->flags & PF_W) && s->memsz == s->filesz)
		return image_gpa(image + s->offset + (gva - s->vaddr));
	frame = frame_alloc_zeroed();
	if (!frame)
		return 0;
	if (end > file_end)
		end = file_end;
	if (start < end)
		memcpy((uint8_t *)direct(frame) + (start - gva),
		       image + s->offset + (start - s->vaddr), end - start);
	return frame;
}

static bool load_segment(uint64_t *pml4, const struct elf_segment *s, const uint8_t *image)
{
	uint64_t flags = PTE_USER;

	if (s->flags & PF_W)
		flags |= PTE_WRITE;
	if (!(s->flags & PF_X))
		flags |= PTE_NX;
	if ((s->flags & PF_W) || s->memsz != s->filesz)
		flags |= PTE_OWNED;
	for (uint64_t gva = s->vaddr & ~(uint64_t)(PAGE_BYTES - 1); gva < s->vaddr + s->memsz;
	     gva += PAGE_BYTES) {
		const uint64_t frame = page_frame(s, image, gva);

		if (!frame || !paging_map(pml4, gva, frame, flags))
			return false;
	}
	return true;
}

uint64_t embedded_elf_load(uint64_t *pml4, const uint8_t *image, uint64_t image_bytes)
{
	const struct elf_header *header = (const void *)image;
	const struct elf_segment *segment;

	if (image_bytes < sizeof(*header) || memcmp(header->ident, "\177ELF\2\1\1", 7) ||
	    header->type != ET_EXEC || header->machine != EM_X86_64 || header->phoff % 8 ||
	    header->phentsize != sizeof(*segment) || header->phoff > image_bytes ||
	    header->phnum > (image_bytes - header->phoff) / sizeof(*segment))
		return 0;
	segment = (const void *)(image + header->phoff);
	for (unsigned i = 0; i < header->phnum; i++) {
		if (segment[i].type != PT_LOAD || !segment[i].memsz)
			continue;
		if (!segment_fits(&segment[i], image_bytes))
			return 0;
		if (!load_segment(pml4, &segment[i], image))
			return NO_MEMORY;
	}
	return header->entry < USER_END ? header->entry : 0;
}
