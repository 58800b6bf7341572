/* SPDX-License-Identifier: MIT
 *
 * What the throw-away vCPUs of `vitrine doctor` execute. The blob is data for the VMM: box_create()
 * copies it to BOX_CODE_GPA of a tiny VM, and a trial starts at one of its labels. Nothing here may
 * be relocated, so labels are used as differences from box_code only. The map is in probe_box.h.
 *
 * How a trial speaks: a byte to PORT_DONE says "got here"; the exception stubs put their vector to
 * PORT_EXCEPTION. Ring 3 has no ports: it stores to the mailbox and executes ud2; that stub speaks.
 */
#include "kvm/probe_map.h"

#define AT(label) (BOX_CODE_GPA + (label) - box_code)

	.section .rodata.box_code, "a", @progbits
	.balign 16

	/* Real mode, also where a SIPI starts an application processor. In: CS base 0, nothing else.
	 * A software interrupt through the vector table at 0, as a BIOS caller does it. */
	.globl box_code, box_real
box_code:
box_real:
	.code16
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %ss
	movw $BOX_STACK_GPA, %sp
	movb $BOX_REAL_SEEN, BOX_MAILBOX_GPA
	int $BOX_REAL_VECTOR
	outb %al, $PORT_DONE
1:	hlt
	jmp 1b

	.globl box_real_int
box_real_int:			/* out: AL = what the code above left in memory */
	movb BOX_MAILBOX_GPA, %al
	iretw

	.code64
	/* Where every ring-0 trial ends that gets through. */
	.globl box_done
box_done:
	movb $1, %al
	outb %al, $PORT_DONE
1:	hlt
	jmp 1b

	/* --- ring 0: one instruction each */
	.globl box_cmpxchg16b
box_cmpxchg16b:
	movl $BOX_SCRATCH_GPA, %edi
	lock cmpxchg16b (%rdi)
	jmp box_done

	.globl box_xsave
box_xsave:			/* XCR0 is as after reset: x87 alone */
	movl $BOX_SCRATCH_GPA, %edi
	movl $1, %eax
	xorl %edx, %edx
	xsave (%rdi)
	jmp box_done

	.globl box_xrstor
box_xrstor:			/* an area of zeros: initial state */
	movl $BOX_SCRATCH_GPA, %edi
	movl $1, %eax
	xorl %edx, %edx
	xrstor (%rdi)
	jmp box_done

	.globl box_int3
box_int3:
	int3
	jmp box_done

	/* KVM_HC_VAPIC_POLL_IRQ: a hypercall that does nothing and returns 0. */
	.globl box_vmcall
box_vmcall:
	movl $1, %eax
	vmcall
	jmp box_done

	.globl box_vmmcall
box_vmmcall:
	movl $1, %eax
	vmmcall
	jmp box_done

	/* A target for a hardware breakpoint and for single-stepping. */
	.globl box_nops, box_nops_second
box_nops:
	nop
box_nops_second:
	nop
	jmp box_done

	.globl box_sysret
box_sysret:			/* to ring 3 and from there to the #UD stub */
	movl $AT(box_ring3), %ecx
	movl $0x2, %r11d
	sysretq

	/* --- ring 3 */
	.globl box_ring3
box_ring3:
	movw %cs, BOX_MAILBOX_GPA + MAILBOX_CS
	movb $1, BOX_MAILBOX_GPA + MAILBOX_SEEN
	ud2

	.globl box_ring3_int
box_ring3_int:
	int $BOX_INT_VECTOR
	ud2

	.globl box_ring3_syscall
box_ring3_syscall:
	syscall
	ud2

	/* Behind IDT[BOX_INT_VECTOR] and LSTAR: says which ring it runs in, in any ring. */
	.globl box_landing
box_landing:
	movw %cs, BOX_MAILBOX_GPA + MAILBOX_CS
	movb $1, BOX_MAILBOX_GPA + MAILBOX_SEEN
	ud2

	/* --- figures */
	.globl box_spin
box_spin:			/* both rings: RCX counts pairs of instructions */
	incq %rcx
	jmp box_spin

	.globl box_pio
box_pio:
	outb %al, $PORT_DONE
	jmp box_pio

	.globl box_mmio
box_mmio:
	movl $BOX_MMIO_GPA, %edi
1:	movb %al, (%rdi)
	jmp 1b

	.globl box_bell_pio
box_bell_pio:
	.rept BOX_BELL_COUNT
	outb %al, $PORT_BELL
	.endr
	outb %al, $PORT_DONE
	jmp box_bell_pio

	.globl box_bell_mmio
box_bell_mmio:
	movl $BOX_BELL_GPA, %edi
1:	.rept BOX_BELL_COUNT
	movb %al, (%rdi)
	.endr
	outb %al, $PORT_DONE
	jmp 1b

	.globl box_halt
box_halt:
	sti
1:	hlt
	jmp 1b

	.globl box_wake
box_wake:			/* interrupt BOX_WAKE_VECTOR; clobbers RDI, box_halt keeps nothing */
	movb $1, BOX_MAILBOX_GPA + MAILBOX_SEEN
	movl $BOX_APIC_GPA + APIC_EOI, %edi
	movl $0, (%rdi)
	iretq

	/* INIT, then SIPI, to all but self: every other vCPU starts at box_real. */
	.globl box_start_others
box_start_others:
	movl $BOX_APIC_GPA + APIC_ICR_LOW, %edi
	movl $0x000c4500, (%rdi)
	movl $0x000c4600 + (BOX_CODE_GPA >> 12), (%rdi)
1:	hlt
	jmp 1b

	/* --- exceptions: 32 stubs of BOX_STUB_BYTES. The error code, where there is one, stays on the
	 * stack: nothing returns from here. */
	.balign BOX_STUB_BYTES
	.globl box_stubs
box_stubs:
	.set vector, 0
	.rept 32
	.balign BOX_STUB_BYTES
	movb $vector, %al
	jmp box_exception
	.set vector, vector + 1
	.endr
	.balign BOX_STUB_BYTES

box_exception:
	outb %al, $PORT_EXCEPTION
1:	hlt
	jmp 1b

	.globl box_code_end
box_code_end:

	.section .note.GNU-stack, "", @progbits
