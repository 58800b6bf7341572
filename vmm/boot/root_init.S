/* SPDX-License-Identifier: MIT
 *
 * The /init of `vitrine run --root DIR`: an ELF file, made from initrd/.
 */
	.section .rodata.root_init, "a"
	.globl root_init, root_init_end
root_init:
	.incbin "build/initrd/init"
root_init_end:

	.section .note.GNU-stack, "", @progbits
