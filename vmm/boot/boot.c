/* SPDX-License-Identifier: MIT
 *
 * Opens an image, recognises what it is, and has it loaded; writes the tables that every kind of
 * guest gets.
 */
#include "boot/boot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "boot/fail.h"
#include "boot/load.h"
#include "memory_map.h"

#define HEAD_BYTES 1024
#define MEMORY_BYTES_MIN (2ULL << 20)
#define MP_TABLE_MAX_BYTES (0xa0000 - GPA_MP_TABLE)

/* --- what is it? --- */

static int open_elf(struct boot_image *image, struct boot_error *error)
{
	const uint8_t *bytes = image_file_map(&image->file, error);
	const char *path = image->file.path;
	struct elf_image *elf = &image->elf;
	int err;

	if (!bytes)
		return -ENOMEM;
	err = elf_parse(bytes, image->file.size_bytes, path, elf, error);
	image_file_unmap(&image->file, bytes);
	if (err)
		return err;
	if (!elf->has_pvh && !elf->has_vitrine)
		return boot_fail(
			error, -ENOEXEC, path,
			"ELF without a PVH note: a Linux vmlinux needs CONFIG_PVH, or boot the "
			"bzImage");
	image->kind = elf->has_vitrine ? BOOT_VITRINE_ELF : BOOT_PVH_ELF;
	if (!elf_contains(elf, elf->has_vitrine ? elf->vitrine_entry64 : elf->pvh_entry32))
		return boot_fail(error, -ENOEXEC, path,
				 "the entry that its note names lies outside of its segments");
	return 0;
}

/* The mistakes that are worth a line of their own. */
static int fail_unknown(const struct boot_image *image, const uint8_t *head, uint64_t len_bytes,
			struct boot_error *error)
{
	const char *path = image->file.path;

	if (len_bytes >= 64 && !memcmp(head + 0x38, "ARM\x64", 4))
		return boot_fail(error, -ENOEXEC, path, "a kernel for arm64; guests are x86-64");
	if (len_bytes >= 0x38 && !memcmp(head + 0x30, "RISCV\0\0\0", 8))
		return boot_fail(error, -ENOEXEC, path, "a kernel for RISC-V; guests are x86-64");
	if (len_bytes >= 2 && head[0] == 0x1f && head[1] == 0x8b)
		return boot_fail(error, -ENOEXEC, path, "compressed with gzip; unpack it first");
	if (len_bytes >= 2 && !memcmp(head, "#!", 2))
		return boot_fail(error, -ENOEXEC, path, "a script, not a kernel");
	return boot_fail(error, -ENOEXEC, path,
			 "neither an ELF kernel nor a Linux bzImage; 16-bit code needs --flat16");
}

static int recognise(struct boot_image *image, struct boot_error *error)
{
	uint8_t head[HEAD_BYTES];
	uint64_t len = image->file.size_bytes < sizeof head ? image->file.size_bytes : sizeof head;
	int err;

	if (image->options.flat16) {
		image->kind = BOOT_FLAT16;
		return 0;
	}
	err = image_file_read(&image->file, 0, head, len, error);
	if (err)
		return err;
	if (elf_has_magic(head, len))
		return open_elf(image, error);
	if (!bzimage_has_magic(head, len))
		return fail_unknown(image, head, len, error);
	image->kind = BOOT_BZIMAGE;
	return bzimage_parse(&image->file, &image->bzimage, error);
}

int boot_image_open(const struct boot_options *options, struct boot_image **out,
		    struct boot_error *error)
{
	struct boot_image *image = calloc(1, sizeof *image);
	int err;

	*out = NULL;
	if (!image)
		return boot_fail(error, -ENOMEM, NULL, "out of memory");
	image->options = *options;
	err = image_file_open(&image->file, options->image_path, "kernel image", error);
	if (!err)
		err = recognise(image, error);
	if (err) {
		boot_image_close(image);
		return err;
	}
	*out = image;
	return 0;
}

enum boot_kind boot_image_kind(const struct boot_image *image)
{
	return image->kind;
}

void boot_image_close(struct boot_image *image)
{
	if (!image)
		return;
	image_file_close(&image->file);
	free(image);
}

/* --- loading --- */

/* Built in place: the guest does not run yet. */
static int write_tables(struct load *load)
{
	void *acpi = gmem_slice(load->mem, GPA_ACPI_TABLES, ACPI_TABLES_MAX_BYTES);
	void *mptable = gmem_slice(load->mem, GPA_MP_TABLE, MP_TABLE_MAX_BYTES);

	if (!acpi || !mptable)
		return boot_fail(load->error, -ENOMEM, NULL, "no guest RAM for ACPI tables");

	int err = board_build_acpi(load->board, GPA_ACPI_TABLES, acpi, ACPI_TABLES_MAX_BYTES);

	if (err < 0)
		return boot_fail(load->error, err, NULL, "the ACPI tables do not fit their place");
	err = board_build_mptable(load->board, GPA_MP_TABLE, mptable, MP_TABLE_MAX_BYTES);
	if (err < 0)
		return boot_fail(load->error, err, NULL, "the MP table does not fit its place");
	return 0;
}

int boot_load(struct boot_image *image, const struct gmem *mem, struct board *board,
	      struct boot_entry *entry, struct boot_report *report, struct boot_error *error)
{
	struct load load = {.image = image,
			    .mem = mem,
			    .board = board,
			    .entry = entry,
			    .report = report,
			    .error = error,
			    .ram_end = mem->region[0].size_bytes};
	int err;

	*entry = (struct boot_entry){0};
	*report = (struct boot_report){.kind = image->kind};
	if (gmem_size(mem) < MEMORY_BYTES_MIN)
		return boot_fail(error, -ENOMEM, NULL,
				 "a machine needs at least 2 MiB of memory; raise --memory");
	switch (image->kind) {
	case BOOT_PVH_ELF:
	case BOOT_VITRINE_ELF: err = load_pvh(&load); break;
	case BOOT_BZIMAGE: err = load_bzimage(&load); break;
	case BOOT_FLAT16: err = load_flat16(&load); break;
	default: err = -EINVAL;
	}
	return err ? err : write_tables(&load);
}
