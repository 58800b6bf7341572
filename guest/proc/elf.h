/* SPDX-License-Identifier: MIT
 *
 * Loading static ELF64 programs (System V gABI ch. 5; ET_EXEC and static PIE) into an address space.
 */
#ifndef GUEST_PROC_ELF_H
#define GUEST_PROC_ELF_H

#include <stdbool.h>
#include <stdint.h>

struct file;
struct space;

struct elf_program {
	uint64_t entry_gva, base_gva; /* base: what was added to the file's addresses */
	uint64_t headers_gva;	      /* of the program headers, for AT_PHDR */
	uint16_t header_count;
	uint64_t end_gva; /* of the last segment: brk starts behind */
	bool executable_stack;
	uint64_t vdso_gva; /* for AT_SYSINFO_EHDR; 0: none */
};

/* Maps the segments of file. 0, -ENOEXEC (no program of ours, or damaged), -ENOMEM, … */
int elf_load(struct space *space, struct file *file, uint64_t pie_base_gva,
	     struct elf_program *program);

#endif
