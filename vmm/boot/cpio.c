/* SPDX-License-Identifier: MIT
 *
 * The "newc" format: a header of hexadecimal numbers, the name, the bytes, each padded to four. See cpio.h.
 */
#include "boot/cpio.h"

#include <string.h>
#include <sys/sysmacros.h>

static void pad(struct cpio *cpio, size_t written_bytes)
{
	static const char zeros[4];

	fwrite(zeros, 1, -written_bytes & 3, cpio->file);
}

void cpio_add(struct cpio *cpio, const char *path, mode_t mode, dev_t device, const void *bytes,
	      uint32_t len_bytes)
{
	size_t name_bytes = strlen(path) + 1;
	unsigned links = 1;
	int header_bytes = fprintf(cpio->file,
				   "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
				   ++cpio->next_inode, mode, 0u, 0u, links, 0u, len_bytes, 0u, 0u,
				   major(device), minor(device), (unsigned)name_bytes, 0u);

	fwrite(path, 1, name_bytes, cpio->file);
	pad(cpio, (size_t)header_bytes + name_bytes);
	if (len_bytes)
		fwrite(bytes, 1, len_bytes, cpio->file);
	pad(cpio, len_bytes);
}

void cpio_end(struct cpio *cpio)
{
	cpio_add(cpio, "TRAILER!!!", 0, 0, NULL, 0);
}
