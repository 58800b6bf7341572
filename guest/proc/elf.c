/* SPDX-License-Identifier: MIT
 *
 * The ELF loader. Everything in the file is checked before it is used; what the segments hold is mapped, and
 * read when the program touches it.
 */
#include "guest/proc/elf.h"

#include <stddef.h>

#include "guest/fs/vfs.h"
#include "guest/lib/string.h"
#include "guest/mm/space.h"

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

enum { ET_EXEC = 2, ET_DYN = 3, EM_X86_64 = 62 };
enum { PT_LOAD = 1, PT_INTERP = 3, PT_PHDR = 6, PT_GNU_STACK = 0x6474e551 };
enum { PF_X = 1, PF_W = 2, PF_R = 4 };
#define SEGMENTS_MAX 32
#define LOWEST_GVA 0x10000 /* below it null pointers have to fault */

struct elf {
	struct elf_header header;
	struct elf_segment segment[SEGMENTS_MAX];
};

static uint64_t page_down(uint64_t gva)
{
	return gva & ~(uint64_t)(PAGE_BYTES - 1);
}

static uint64_t page_up(uint64_t gva)
{
	return page_down(gva + PAGE_BYTES - 1);
}

static int read_all(struct file *file, void *to, size_t bytes, uint64_t offset)
{
	const int64_t got = file_read_at(file, to, bytes, offset);

	if (got < 0)
		return (int)got;
	return (size_t)got == bytes ? 0 : -ENOEXEC;
}

static int read_headers(struct file *file, struct elf *elf)
{
	const struct elf_header *header = &elf->header;
	const int error = read_all(file, &elf->header, sizeof(elf->header), 0);

	if (error)
		return error;
	if (memcmp(header->ident, "\177ELF\2\1\1", 7) || header->machine != EM_X86_64 ||
	    (header->type != ET_EXEC && header->type != ET_DYN) || header->version != 1 ||
	    header->phentsize != sizeof(struct elf_segment) || !header->phnum ||
	    header->phnum > SEGMENTS_MAX || header->phoff > INT64_MAX)
		return -ENOEXEC;
	return read_all(file, elf->segment, header->phnum * sizeof(struct elf_segment),
			header->phoff);
}

/* In the file, in user memory, and with the same offset within a page in both. */
static bool segment_fits(const struct elf_segment *s, uint64_t base_gva, uint64_t file_bytes)
{
	return s->filesz <= s->memsz && s->offset <= file_bytes &&
	       s->filesz <= file_bytes - s->offset && s->vaddr < USER_END - base_gva &&
	       s->vaddr + base_gva >= LOWEST_GVA && s->memsz <= USER_END - base_gva - s->vaddr &&
	       s->vaddr % PAGE_BYTES == s->offset % PAGE_BYTES && !(s->align & (s->align - 1));
}

/* Before anything is mapped: all that can be seen to be wrong. */
static int check_segments(const struct elf *elf, uint64_t base_gva, uint64_t file_bytes)
{
	bool any = false;

	for (unsigned i = 0; i < elf->header.phnum; i++) {
		const struct elf_segment *s = &elf->segment[i];

		if (s->type == PT_INTERP)
			return -ENOEXEC; /* it needs a dynamic linker */
		if (s->type != PT_LOAD || !s->memsz)
			continue;
		if (!segment_fits(s, base_gva, file_bytes))
			return -ENOEXEC;
		any = true;
	}
	return any && elf->header.entry < USER_END - base_gva ? 0 : -ENOEXEC;
}

static unsigned protection_of(const struct elf_segment *s)
{
	return (s->flags & PF_R ? PROT_READ : 0) | (s->flags & PF_W ? PROT_WRITE : 0) |
	       (s->flags & PF_X ? PROT_EXEC : 0);
}

/* The page in which the file's part ends: what follows there is zero. */
static int zero_tail(struct space *space, uint64_t from_gva, uint64_t end_gva)
{
	static const uint8_t zeroes[256];

	while (from_gva < end_gva) {
		const uint64_t left = end_gva - from_gva;
		const uint64_t part = left < sizeof(zeroes) ? left : sizeof(zeroes);
		const int error = space_poke(space, from_gva, zeroes, part);

		if (error)
			return error;
		from_gva += part;
	}
	return 0;
}

static int map_segment(struct space *space, struct file *file, const struct elf_segment *s,
		       uint64_t base_gva)
{
	const uint64_t start = page_down(s->vaddr + base_gva);
	const uint64_t file_end = s->vaddr + base_gva + s->filesz;
	const uint64_t end = s->vaddr + base_gva + s->memsz;
	const uint64_t file_pages_end = s->filesz ? page_up(file_end) : start;
	int64_t at = 0;

	if (s->filesz)
		at = space_map(space, start, file_pages_end - start, protection_of(s),
			       MAP_PRIVATE | MAP_FIXED, file, page_down(s->offset));
	if (at >= 0 && page_up(end) > file_pages_end)
		at = space_map(space, file_pages_end, page_up(end) - file_pages_end,
			       protection_of(s), MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, NULL, 0);
	if (at < 0)
		return (int)at;
	if (s->memsz > s->filesz && s->filesz)
		return zero_tail(space, file_end, end < file_pages_end ? end : file_pages_end);
	return 0;
}

/* Where the program headers are in memory: in the segment that holds that part of the file. */
static uint64_t find_headers(const struct elf *elf, uint64_t base_gva)
{
	for (unsigned i = 0; i < elf->header.phnum; i++) {
		const struct elf_segment *s = &elf->segment[i];

		if (s->type == PT_LOAD && elf->header.phoff >= s->offset &&
		    elf->header.phoff - s->offset < s->filesz)
			return base_gva + s->vaddr + (elf->header.phoff - s->offset);
	}
	return 0;
}

static int map_all(struct space *space, struct file *file, const struct elf *elf,
		   struct elf_program *program)
{
	program->executable_stack = false;
	program->end_gva = 0;
	for (unsigned i = 0; i < elf->header.phnum; i++) {
		const struct elf_segment *s = &elf->segment[i];
		int error;

		if (s->type == PT_GNU_STACK)
			program->executable_stack = s->flags & PF_X;
		if (s->type != PT_LOAD || !s->memsz)
			continue;
		error = map_segment(space, file, s, program->base_gva);
		if (error)
			return error;
		if (program->end_gva < program->base_gva + s->vaddr + s->memsz)
			program->end_gva = program->base_gva + s->vaddr + s->memsz;
	}
	return 0;
}

int elf_load(struct space *space, struct file *file, uint64_t pie_base_gva,
	     struct elf_program *program)
{
	struct elf elf; /* < 2 KiB of a 16 KiB stack */
	int error = read_headers(file, &elf);

	if (error)
		return error;
	program->base_gva = elf.header.type == ET_DYN ? pie_base_gva : 0;
	error = check_segments(&elf, program->base_gva, file->inode->size);
	if (error)
		return error;
	program->entry_gva = program->base_gva + elf.header.entry;
	program->headers_gva = find_headers(&elf, program->base_gva);
	program->header_count = elf.header.phnum;
	return map_all(space, file, &elf, program);
}
