/* SPDX-License-Identifier: MIT
 *
 * Archives as Linux unpacks them into its initial RAM disk (Documentation/driver-api/early-userspace/buffer-format).
 */
#ifndef VITRINE_BOOT_CPIO_H
#define VITRINE_BOOT_CPIO_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct cpio {
	FILE *file; /* the caller's; errors stay in it: ferror() */
	uint32_t next_inode;
};

/* One entry; path without a leading /. mode: of stat(2), with its type; device: of a device node. */
void cpio_add(struct cpio *cpio, const char *path, mode_t mode, dev_t device, const void *bytes,
	      uint32_t len_bytes);
void cpio_end(struct cpio *cpio);

#endif
