/* SPDX-License-Identifier: MIT
 *
 * ELF kernels: from bytes to a checked list of segments and the entries their notes name.
 */
#ifndef VITRINE_BOOT_ELF_H
#define VITRINE_BOOT_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/boot.h"

#define ELF_SEGMENT_MAX 32

struct elf_segment {
	uint64_t gpa;
	uint64_t offset;
	uint64_t file_bytes;
	uint64_t memory_bytes; /* >= file_bytes; the rest is zero */
};

/* Segments are in ascending order, don't overlap, and lie in the file. */
struct elf_image {
	uint64_t entry;	   /* e_entry: for kernels a physical address */
	uint64_t file_end; /* first byte behind everything the headers speak of */
	unsigned segment_count;
	struct elf_segment segment[ELF_SEGMENT_MAX];
	bool has_pvh, has_vitrine;
	uint64_t pvh_entry32;
	uint64_t vitrine_entry64;
};

bool elf_has_magic(const void *bytes, uint64_t size_bytes);

/* Checks everything and fills in elf. path is for messages. 0 or -errno with error filled in. */
int elf_parse(const uint8_t *bytes, uint64_t size_bytes, const char *path, struct elf_image *elf,
	      struct boot_error *error);

/* First address of the segments; first address behind them. */
uint64_t elf_start(const struct elf_image *elf);
uint64_t elf_end(const struct elf_image *elf);

bool elf_contains(const struct elf_image *elf, uint64_t gpa);

/* Is there RAM for every segment, and none on top of what the loader itself puts there? The
 * segments are looked at where they were linked. 0 or -errno with error filled in. */
int elf_check_memory(const struct elf_image *elf, const struct gmem *mem, const char *path,
		     struct boot_error *error);

#endif
