/* SPDX-License-Identifier: MIT
 *
 * Loaders: from an image file to guest memory and the boot processor's first state.
 * Boot code knows file formats and entry protocols; it knows nothing of KVM.
 */
#ifndef VITRINE_BOOT_BOOT_H
#define VITRINE_BOOT_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board/board.h"
#include "kvm/entry.h"
#include "kvm/gmem.h"

enum boot_kind { BOOT_PVH_ELF, BOOT_VITRINE_ELF, BOOT_BZIMAGE, BOOT_FLAT16 };

enum boot_kaslr { BOOT_KASLR_OFF, BOOT_KASLR_ON };

/* What the user asked for. Strings are borrowed. */
struct boot_options {
	const char *image_path;
	const char *initrd_path;   /* NULL: none */
	const char *firmware_path; /* for BOOT_FLAT16 */
	const char *cache_dir;	   /* of unpacked kernels; NULL: no cache */
	bool flat16;		   /* --flat16: don't detect */
	enum boot_kaslr kaslr;
};

/* A failure as the user is told: one line without the program's name, no newline; where it helps it
 * says what to do. */
struct boot_error {
	char text[256];
};

/* How it was done, for --verbose, --dry-run and the figures. */
struct boot_report {
	enum boot_kind kind;
	char description[160]; /* "Linux 6.1.0-56-cloud-amd64, bzImage, LZ4 unpacked by the host" */
	char detail[200]; /* load address, cache hit or miss, KASLR offset, … for --verbose */
	bool cache_hit;
	uint64_t kernel_gpa;
	uint64_t kernel_bytes;
};

/* An opened and recognised image: owns its mapping. */
struct boot_image;

/* Opens and recognises; reads no more than headers. 0 or -errno with error->text filled in. */
int boot_image_open(const struct boot_options *options, struct boot_image **out,
		    struct boot_error *error);
enum boot_kind boot_image_kind(const struct boot_image *image);
void boot_image_close(struct boot_image *image); /* NULL is fine */

/* Places kernel, initrd, command line, FDT, ACPI and MP tables into mem and says how to start. May be
 * called again for each reset, with fresh mem. Fills in board->initrd_*. 0 or -errno with error. */
int boot_load(struct boot_image *image, const struct gmem *mem, struct board *board,
	      struct boot_entry *entry, struct boot_report *report, struct boot_error *error);

/* Reads a firmware image of exactly FIRMWARE_BYTES into memory that the caller frees. 0 or -errno with
 * error. */
int boot_read_firmware(const char *path, uint8_t **bytes, struct boot_error *error);

#endif
