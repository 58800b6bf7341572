/* SPDX-License-Identifier: MIT
 *
 * The /init of `vitrine run --root DIR`: an ELF file, made from initrd/.
 */
	.section .rodata.root_init, "a"
	.globl root_init, root_init_bytes
	.balign 4
root_init_bytes:
	.long	1f - root_init
root_init:
	.incbin "build/initrd/init"
1:

	.section .note.GNU-stack, "", @progbits
