/* SPDX-License-Identifier: MIT
 *
 * The vDSO's ELF file in the kernel's read-only data; vdso_start() copies it to a page of its own.
 */
	.section .rodata.vdso, "a"
	.balign 8
	.globl vdso_image, vdso_image_end
vdso_image:
	.incbin VDSO_IMAGE
vdso_image_end:

	.section .note.GNU-stack, "", @progbits
