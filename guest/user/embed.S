/* SPDX-License-Identifier: MIT
 *
 * The user program's ELF file, page-aligned in the kernel's read-only data.
 */
#include "guest/mm/layout.h"

	.section .rodata.user, "a"
	.balign PAGE_BYTES
	.globl user_image, user_image_end
user_image:
	.incbin USER_IMAGE
user_image_end:
	.balign PAGE_BYTES

	.section .note.GNU-stack, "", @progbits
