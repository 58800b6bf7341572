/* SPDX-License-Identifier: MIT
 *
 * Flat 16-bit programs: loaded where a PC's firmware loads a boot sector, and run by ours, which
 * starts at the reset vector. The firmware lies in RAM at its shadow; the VM puts a read-only copy
 * below 4 GiB.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "boot/fail.h"
#include "boot/load.h"
#include "memory_map.h"

#define RESET_VECTOR_OFFSET 0xfff0
#define FLAT16_BYTES_MAX (GPA_LOW_RAM_END - GPA_FLAT16)

int boot_read_firmware(const char *path, uint8_t **bytes, struct boot_error *error)
{
	struct image_file file;
	int err = image_file_open(&file, path, "firmware", error);

	if (err)
		return err;
	*bytes = NULL;
	if (file.size_bytes != FIRMWARE_BYTES) {
		err = boot_fail(error, -EINVAL, path,
				"the firmware has %" PRIu64 " bytes instead of %u", file.size_bytes,
				FIRMWARE_BYTES);
	} else if (!(*bytes = malloc(FIRMWARE_BYTES))) {
		err = boot_fail(error, -ENOMEM, path, "no memory for the firmware");
	} else if ((err = image_file_read(&file, 0, *bytes, FIRMWARE_BYTES, error))) {
		free(*bytes);
		*bytes = NULL;
	}
	image_file_close(&file);
	return err;
}

static int load_firmware(struct load *load)
{
	const char *path = load->image->options.firmware_path;
	uint8_t *bytes;
	int err;

	if (!path)
		return boot_fail(load->error, -EINVAL, NULL, "--flat16 needs a firmware");
	err = boot_read_firmware(path, &bytes, load->error);
	if (err)
		return err;
	if (gmem_write(load->mem, GPA_FIRMWARE_SHADOW, bytes, FIRMWARE_BYTES))
		err = boot_fail(load->error, -ENOMEM, NULL, "no guest RAM for the firmware");
	free(bytes);
	return err;
}

static int load_program(struct load *load)
{
	const struct image_file *file = &load->image->file;
	void *to = gmem_slice(load->mem, GPA_FLAT16, file->size_bytes);

	if (file->size_bytes > FLAT16_BYTES_MAX || !to)
		return boot_fail(load->error, -EFBIG, file->path,
				 "a flat 16-bit program may have %u bytes; this has %" PRIu64,
				 FLAT16_BYTES_MAX, file->size_bytes);
	return image_file_read(file, 0, to, file->size_bytes, load->error);
}

int load_flat16(struct load *load)
{
	struct boot_report *report = load->report;
	int err;

	if (load->image->options.initrd_path)
		return boot_fail(load->error, -EINVAL, NULL,
				 "--initrd has no meaning for a flat 16-bit program");
	err = load_program(load);
	if (!err)
		err = load_firmware(load);
	if (err)
		return err;
	load->entry->mode = BOOT_MODE_REAL16;
	load->entry->rip = RESET_VECTOR_OFFSET;
	report->kernel_gpa = GPA_FLAT16;
	report->kernel_bytes = load->image->file.size_bytes;
	snprintf(report->description, sizeof report->description,
		 "flat 16-bit program, %" PRIu64 " bytes, run by the firmware",
		 report->kernel_bytes);
	snprintf(report->detail, sizeof report->detail, "program at 0x%x, reset vector F000:FFF0",
		 GPA_FLAT16);
	return 0;
}
