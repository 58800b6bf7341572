/* SPDX-License-Identifier: MIT
 *
 * The kernel inside a bzImage: unpacked or from the cache, placed in guest RAM, relocated if
 * wished.
 */
#ifndef VITRINE_BOOT_VMLINUX_H
#define VITRINE_BOOT_VMLINUX_H

#include "boot/load.h"
#include "boot/unpack.h"

enum vmlinux_kaslr {
	VMLINUX_KASLR_OFF,
	VMLINUX_KASLR_NOKASLR,	/* wished, but the command line forbids it */
	VMLINUX_KASLR_NO_TABLE, /* wished, but the kernel can't be relocated */
	VMLINUX_KASLR_ON,
	VMLINUX_KASLR_KERNELS_OWN, /* wished, and the kernel's decompressor sees to it */
	VMLINUX_KASLR_ADD_NOKASLR  /* not wished, and its decompressor must be told */
};

struct vmlinux {
	enum payload_format format;
	bool cache_hit;
	enum vmlinux_kaslr kaslr;
	uint64_t gpa; /* where it was placed */
	uint64_t span_bytes;
	uint64_t entry_gpa;
	uint64_t virtual_delta;
};

/* Places the kernel below ceiling. 0; -ENOTSUP: the payload's format is one for the kernel's own
 * decompressor (format is filled in, error is not); else -errno with load->error filled in. */
int vmlinux_load(struct load *load, uint64_t ceiling, struct vmlinux *vmlinux);

#endif
