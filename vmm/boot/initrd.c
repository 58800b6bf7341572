/* SPDX-License-Identifier: MIT
 *
 * What every kernel may be handed beside its image: initrd and command line.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "boot/fail.h"
#include "boot/load.h"
#include "memory_map.h"

#define PAGE_BYTES 4096ULL

/* As high as allowed, where a growing kernel does not meet it; page-aligned, as Linux wants it. */
static int place_initrd(struct load *load, const struct image_file *file, uint64_t limit)
{
	uint64_t gpa = limit < file->size_bytes ? 0
						: (limit - file->size_bytes) & ~(PAGE_BYTES - 1);
	uint8_t *to = gmem_slice(load->mem, gpa, file->size_bytes);

	if (gpa < GPA_HIGH_RAM || !to)
		return boot_fail(load->error, -ENOMEM, file->path,
				 "the initrd of %" PRIu64
				 " MiB does not fit into guest memory; raise --memory",
				 (file->size_bytes >> 20) + 1);
	load->board->initrd_gpa = gpa;
	load->board->initrd_bytes = file->size_bytes;
	return image_file_read(file, 0, to, file->size_bytes, load->error);
}

int load_initrd(struct load *load, uint64_t limit)
{
	struct image_file file;
	int err;

	load->board->initrd_gpa = 0;
	load->board->initrd_bytes = 0;
	if (!load->image->options.initrd_path)
		return 0;
	err = image_file_open(&file, load->image->options.initrd_path, "initrd", load->error);
	if (err)
		return err;
	err = place_initrd(load, &file, limit < load->ram_end ? limit : load->ram_end);
	image_file_close(&file);
	return err;
}

int load_cmdline(struct load *load, uint64_t max_bytes, const char *extra_words)
{
	const char *cmdline = load->board->cmdline;
	size_t len = strlen(cmdline), extra = strlen(extra_words);
	uint64_t max = max_bytes < CMDLINE_MAX_BYTES ? max_bytes : CMDLINE_MAX_BYTES;

	if (len + extra + 1 > max)
		return boot_fail(load->error, -E2BIG, NULL,
				 "the command line has %zu characters; this kernel takes %" PRIu64,
				 len + extra, max - 1);
	if (gmem_write(load->mem, GPA_CMDLINE, cmdline, len) ||
	    gmem_write(load->mem, GPA_CMDLINE + len, extra_words, extra + 1))
		return boot_fail(load->error, -ENOMEM, NULL, "no guest RAM for the command line");
	return 0;
}
