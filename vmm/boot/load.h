/* SPDX-License-Identifier: MIT
 *
 * Private to boot/: an opened image, one load of it, and the loader of each kind.
 *
 * Reading order: boot.c, pvh.c and flat16.c; then bzimage.c, vmlinux.c and what they use: unpack,
 * elf, kernel_cache, kaslr.
 */
#ifndef VITRINE_BOOT_LOAD_H
#define VITRINE_BOOT_LOAD_H

#include <asm/bootparam.h>

#include "boot/boot.h"
#include "boot/elf.h"
#include "boot/file.h"

/* What a bzImage's setup header says, checked against the file. Offsets are from its start. */
struct bzimage {
	struct setup_header header;
	uint32_t header_bytes;	   /* how much of it this kernel has */
	uint64_t protected_offset; /* protected-mode code and payload */
	uint64_t payload_offset;
	uint64_t payload_bytes;
	char version[48]; /* "6.1.0-56-cloud-amd64" */
};

struct boot_image {
	struct boot_options options;
	struct image_file file;
	enum boot_kind kind;
	struct elf_image elf;	/* BOOT_PVH_ELF, BOOT_VITRINE_ELF */
	struct bzimage bzimage; /* BOOT_BZIMAGE */
};

/* One call of boot_load(). */
struct load {
	const struct boot_image *image;
	const struct gmem *mem;
	struct board *board;
	struct boot_entry *entry;
	struct boot_report *report;
	struct boot_error *error;
	uint64_t ram_end; /* of the RAM below the hole, which is where boot protocols want things */
};

/* Recognises and checks the setup header. 0, -ENOEXEC with error filled in. */
int bzimage_parse(const struct image_file *file, struct bzimage *bz, struct boot_error *error);
bool bzimage_has_magic(const uint8_t *head, uint64_t len_bytes);

int load_pvh(struct load *load);
int load_bzimage(struct load *load);
int load_flat16(struct load *load);

/* Puts the initrd, if there is one, at the top of the RAM below limit; fills in board->initrd_*. */
int load_initrd(struct load *load, uint64_t limit);
int load_cmdline(struct load *load, uint64_t max_bytes, const char *extra_words);

/* Boot GDT, and for 64-bit entries the identity map. Fills in entry's mode, tables, selectors and
 * rsp. */
int load_start_state(struct load *load, enum boot_mode mode);

#endif
