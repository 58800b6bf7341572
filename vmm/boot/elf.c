/* SPDX-License-Identifier: MIT
 *
 * ELF kernels: from bytes to a checked list of segments and the entries their notes name.
 *
 * Follows the System V ABI's chapter on object files (ELF header, program header, note section).
 * Every header is copied out before it is looked at, every sum is checked by what is left, not by
 * adding.
 */
#include "boot/elf.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "boot/fail.h"
#include "elf_note.h"
#include "memory_map.h"

#define PROGRAM_HEADER_MAX 128 /* real kernels have about 5 */

/* What a parse is about; keeps the parameter lists short. */
struct parse {
	const uint8_t *bytes;
	uint64_t size;
	const char *path;
	struct boot_error *error;
	struct elf_image *elf;
};

bool elf_has_magic(const void *bytes, uint64_t size_bytes)
{
	return size_bytes >= SELFMAG && !memcmp(bytes, ELFMAG, SELFMAG);
}

static int check_identity(const struct parse *p, const Elf64_Ehdr *header)
{
	const unsigned char *ident = header->e_ident;

	if (!elf_has_magic(ident, sizeof header->e_ident))
		return boot_fail(p->error, -ENOEXEC, p->path, "not an ELF file");
	if (ident[EI_DATA] != ELFDATA2LSB)
		return boot_fail(p->error, -ENOEXEC, p->path,
				 "big-endian ELF; guests are little-endian x86-64");
	if (ident[EI_CLASS] != ELFCLASS64)
		return boot_fail(p->error, -ENOEXEC, p->path,
				 "32-bit ELF; only 64-bit x86 kernels can be booted");
	if (header->e_machine != EM_X86_64)
		return boot_fail(p->error, -ENOEXEC, p->path,
				 "ELF for another architecture (machine %u); guests are x86-64",
				 header->e_machine);
	if (ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT)
		return boot_fail(p->error, -ENOEXEC, p->path, "unknown version of ELF");
	return 0;
}

static int check_header(const struct parse *p, const Elf64_Ehdr *header)
{
	static const char *const type_name[] = {"no type", "an object file (.o)", "",
						"a shared object or position-independent program",
						"a core dump"};
	unsigned type = header->e_type;

	if (type != ET_EXEC)
		return boot_fail(p->error, -ENOEXEC, p->path,
				 "ELF, but not an executable kernel: %s",
				 type < 5 ? type_name[type] : "unknown type");
	if (header->e_phnum == 0)
		return boot_fail(p->error, -ENOEXEC, p->path,
				 "ELF without program headers: nothing to load");
	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > PROGRAM_HEADER_MAX)
		return boot_fail(p->error, -ENOEXEC, p->path,
				 "ELF with %u program headers of %u bytes: damaged",
				 header->e_phnum, header->e_phentsize);
	if (header->e_phoff > p->size ||
	    p->size - header->e_phoff < (uint64_t)header->e_phnum * sizeof(Elf64_Phdr))
		return boot_fail(p->error, -ENOEXEC, p->path,
				 "truncated ELF: program headers behind the end of the file");
	return 0;
}

static uint64_t align4(uint64_t value)
{
	return (value + 3) & ~3ULL;
}

/* One note of interest; others are skipped. */
static void take_note(struct elf_image *elf, const char *name, const Elf64_Nhdr *note,
		      const uint8_t *desc)
{
	uint64_t value = 0;

	if (note->n_descsz != 4 && note->n_descsz != 8)
		return;
	memcpy(&value, desc, note->n_descsz);
	if (note->n_type == ELF_NOTE_PVH_ENTRY32 && note->n_namesz == sizeof ELF_NOTE_PVH_OWNER &&
	    !memcmp(name, ELF_NOTE_PVH_OWNER, sizeof ELF_NOTE_PVH_OWNER)) {
		elf->has_pvh = true;
		elf->pvh_entry32 = value;
	}
	if (note->n_type == ELF_NOTE_VITRINE_ENTRY64 && note->n_descsz == 8 &&
	    note->n_namesz == sizeof ELF_NOTE_VITRINE_OWNER &&
	    !memcmp(name, ELF_NOTE_VITRINE_OWNER, sizeof ELF_NOTE_VITRINE_OWNER)) {
		elf->has_vitrine = true;
		elf->vitrine_entry64 = value;
	}
}

static int parse_notes(const struct parse *p, const Elf64_Phdr *program)
{
	if (program->p_offset > p->size || program->p_filesz > p->size - program->p_offset)
		return boot_fail(p->error, -ENOEXEC, p->path,
				 "truncated ELF: notes behind the end of the file");

	const uint8_t *at = p->bytes + program->p_offset;
	uint64_t left = program->p_filesz;
	Elf64_Nhdr note;

	while (left >= sizeof note) {
		memcpy(&note, at, sizeof note);

		uint64_t name_bytes = align4(note.n_namesz), desc_bytes = align4(note.n_descsz);

		if (name_bytes > left - sizeof note || desc_bytes > left - sizeof note - name_bytes)
			break; /* the last one may lack its padding; ours never do */
		take_note(p->elf, (const char *)at + sizeof note, &note,
			  at + sizeof note + name_bytes);
		at += sizeof note + name_bytes + desc_bytes;
		left -= sizeof note + name_bytes + desc_bytes;
	}
	return 0;
}

static int check_segment(const struct parse *p, const Elf64_Phdr *program)
{
	if (program->p_filesz > program->p_memsz)
		return boot_fail(p->error, -ENOEXEC, p->path,
				 "ELF segment at 0x%" PRIx64
				 " has more bytes in the file than in memory",
				 program->p_paddr);
	if (program->p_offset > p->size || program->p_filesz > p->size - program->p_offset)
		return boot_fail(p->error, -ENOEXEC, p->path,
				 "truncated ELF: segment at 0x%" PRIx64 " needs %" PRIu64
				 " bytes from offset %" PRIu64 ", the file has %" PRIu64,
				 program->p_paddr, program->p_filesz, program->p_offset, p->size);
	if (program->p_memsz > UINT64_MAX - program->p_paddr)
		return boot_fail(p->error, -ENOEXEC, p->path,
				 "ELF segment at 0x%" PRIx64 " of 0x%" PRIx64
				 " bytes wraps around the address space",
				 program->p_paddr, program->p_memsz);
	return 0;
}

/* Keeps the list sorted, which makes overlap a matter of neighbours. */
static int insert_segment(const struct parse *p, const Elf64_Phdr *program)
{
	struct elf_image *elf = p->elf;
	unsigned at = elf->segment_count;

	if (at == ELF_SEGMENT_MAX)
		return boot_fail(p->error, -ENOEXEC, p->path, "ELF with more than %d segments",
				 ELF_SEGMENT_MAX);
	for (; at && elf->segment[at - 1].gpa > program->p_paddr; at--)
		elf->segment[at] = elf->segment[at - 1];
	elf->segment[at] = (struct elf_segment){.gpa = program->p_paddr,
						.offset = program->p_offset,
						.file_bytes = program->p_filesz,
						.memory_bytes = program->p_memsz};
	elf->segment_count++;
	return 0;
}

static int check_overlap(const struct parse *p)
{
	const struct elf_image *elf = p->elf;

	for (unsigned i = 1; i < elf->segment_count; i++) {
		const struct elf_segment *a = &elf->segment[i - 1], *b = &elf->segment[i];

		if (a->memory_bytes > b->gpa - a->gpa)
			return boot_fail(p->error, -ENOEXEC, p->path,
					 "ELF segments at 0x%" PRIx64 " and 0x%" PRIx64 " overlap",
					 a->gpa, b->gpa);
	}
	return 0;
}

static int parse_program_headers(const struct parse *p, const Elf64_Ehdr *header)
{
	for (unsigned i = 0; i < header->e_phnum; i++) {
		Elf64_Phdr program;
		int err = 0;

		memcpy(&program, p->bytes + header->e_phoff + i * sizeof program, sizeof program);
		if (program.p_type == PT_INTERP)
			return boot_fail(
				p->error, -ENOEXEC, p->path,
				"an ordinary program (it names an ELF interpreter), not a kernel");
		if (program.p_type == PT_NOTE)
			err = parse_notes(p, &program);
		if (program.p_type == PT_LOAD && program.p_memsz) {
			err = check_segment(p, &program);
			if (!err)
				err = insert_segment(p, &program);
		}
		if (err)
			return err;
	}
	if (!p->elf->segment_count)
		return boot_fail(p->error, -ENOEXEC, p->path, "ELF without anything to load");
	return check_overlap(p);
}

/* What stands behind the ELF proper (Linux appends its relocation table there). */
static uint64_t find_file_end(const struct elf_image *elf, const Elf64_Ehdr *header, uint64_t size)
{
	uint64_t sections = (uint64_t)header->e_shnum * header->e_shentsize;
	uint64_t end = header->e_phoff + (uint64_t)header->e_phnum * sizeof(Elf64_Phdr);

	if (header->e_shoff <= size && sections <= size - header->e_shoff && sections &&
	    header->e_shoff + sections > end)
		end = header->e_shoff + sections;
	for (unsigned i = 0; i < elf->segment_count; i++) {
		uint64_t segment_end = elf->segment[i].offset + elf->segment[i].file_bytes;

		if (segment_end > end)
			end = segment_end;
	}
	return end;
}

int elf_parse(const uint8_t *bytes, uint64_t size_bytes, const char *path, struct elf_image *elf,
	      struct boot_error *error)
{
	const struct parse p = {bytes, size_bytes, path, error, elf};
	Elf64_Ehdr header;
	int err;

	*elf = (struct elf_image){0};
	if (size_bytes < sizeof header)
		return boot_fail(error, -ENOEXEC, path,
				 "truncated ELF: %" PRIu64 " bytes are less than its header",
				 size_bytes);
	memcpy(&header, bytes, sizeof header);
	err = check_identity(&p, &header);
	if (!err)
		err = check_header(&p, &header);
	if (!err)
		err = parse_program_headers(&p, &header);
	if (err)
		return err;
	elf->entry = header.e_entry;
	elf->file_end = find_file_end(elf, &header, size_bytes);
	return 0;
}

uint64_t elf_start(const struct elf_image *elf)
{
	return elf->segment[0].gpa;
}

uint64_t elf_end(const struct elf_image *elf)
{
	const struct elf_segment *last = &elf->segment[elf->segment_count - 1];

	return last->gpa + last->memory_bytes;
}

bool elf_contains(const struct elf_image *elf, uint64_t gpa)
{
	for (unsigned i = 0; i < elf->segment_count; i++)
		if (gpa >= elf->segment[i].gpa &&
		    gpa - elf->segment[i].gpa < elf->segment[i].memory_bytes)
			return true;
	return false;
}

int elf_check_memory(const struct elf_image *elf, const struct gmem *mem, const char *path,
		     struct boot_error *error)
{
	for (unsigned i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *s = &elf->segment[i];

		/* Low memory belongs to boot structures, hypercall page, tables and firmware. */
		if (s->gpa < GPA_HIGH_RAM)
			return boot_fail(
				error, -ENOEXEC, path,
				"ELF segment at 0x%" PRIx64
				" lies on boot structures; link the kernel at 1 MiB or above",
				s->gpa);
		if (!gmem_slice(mem, s->gpa, s->memory_bytes))
			return boot_fail(error, -ENOMEM, path,
					 "ELF segment at 0x%" PRIx64 " of %" PRIu64
					 " KiB exceeds guest memory (%" PRIu64
					 " MiB); raise --memory",
					 s->gpa, s->memory_bytes >> 10, gmem_size(mem) >> 20);
	}
	return 0;
}
