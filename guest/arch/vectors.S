/* SPDX-License-Identifier: MIT
 *
 * The IDT and the 256 stubs that it points to (Intel SDM vol. 3 §6.14). Stubs stand at addresses
 * known beforehand, so the table is read-only data and costs no instruction at boot.
 */
#include "guest/arch/segments.h"

#define GATE_KERNEL 0x8e00 /* present, DPL 0, interrupt gate */
#define GATE_USER 0xee00   /* DPL 3 */

	.section .text.vectors, "ax"
	.globl vector_stubs
vector_stubs:
	.set vector, 0
	.rept 256
	.balign VECTOR_STUB_BYTES, 0xcc
	/* #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX bring an error code of their own. */
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || \
	      vector == 29 || vector == 30)
	pushq $0
	.endif
	.byte 0x68 /* pushq imm32, whatever the number: stubs are all alike */
	.long vector
	jmp trap_entry
	.set vector, vector + 1
	.endr

	.section .rodata.idt, "a"
	.balign 4096
	.globl idt
idt:
	.set vector, 0
	.rept 256
	.set stub, VECTOR_STUBS + vector * VECTOR_STUB_BYTES
	.set gate, GATE_KERNEL
	.if vector == 3
	.set gate, GATE_USER
	.endif
	.if vector == VECTOR_DOUBLE_FAULT
	.set gate, GATE_KERNEL + IST_DOUBLE_FAULT
	.endif
	.if vector == 2
	.set gate, GATE_KERNEL + IST_NMI
	.endif
	.word stub & 0xffff, KERNEL_CS, gate, (stub >> 16) & 0xffff
	.long (stub >> 32) & 0xffffffff, 0
	.set vector, vector + 1
	.endr

	.section .note.GNU-stack, "", @progbits
