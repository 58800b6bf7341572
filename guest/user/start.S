/* SPDX-License-Identifier: MIT
 *
 * The user program's entry point, and a check that C can't write.
 */
#include "guest/user/syscall.h"

	.text
	.globl _start
_start:
	xorl %ebp, %ebp
	xorl %edi, %edi
	cmpq $2, (%rsp)		/* the argument, if there is one, is a digit: the task */
	jb 1f
	movq 16(%rsp), %rax
	movzbl (%rax), %edi
	subl $'0', %edi
1:	call user_main
	hlt

/* uint64_t keeps_registers(void) -- 0 if getpid keeps all it has to keep, 1 if not. */
	.globl keeps_registers
keeps_registers:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movl $1, %ebx
	movl $2, %ebp
	movl $3, %r8d
	movl $4, %r9d
	movl $5, %r10d
	movl $6, %r12d
	movl $7, %r13d
	movl $8, %r14d
	movl $9, %r15d
	movl $10, %edi
	movl $11, %esi
	movl $12, %edx
	movq %rsp, %rcx
	pushq %rcx
	movl $SYSCALL_GETPID, %eax
	stc
	syscall
	jnc 1f			/* rflags come back from r11 */
	popq %rcx
	pushq %rcx
	subq $8, %rcx
	cmpq %rcx, %rsp
	jne 1f
	/* a sum of powers of two times each value: right only if every one came back */
	leaq (%rbx, %rbp, 2), %rax
	leaq (%rax, %r8, 4), %rax
	leaq (%rax, %r9, 8), %rax
	imulq $16, %r10
	addq %r10, %rax
	imulq $32, %r12
	addq %r12, %rax
	imulq $64, %r13
	addq %r13, %rax
	imulq $128, %r14
	addq %r14, %rax
	imulq $256, %r15
	addq %r15, %rax
	imulq $512, %rdi
	addq %rdi, %rax
	imulq $1024, %rsi
	addq %rsi, %rax
	imulq $2048, %rdx
	addq %rdx, %rax
	cmpq $(1 + 2*2 + 4*3 + 8*4 + 16*5 + 32*6 + 64*7 + 128*8 + 256*9 + 512*10 + 1024*11 + \
	       2048*12), %rax
	jne 1f
	xorl %eax, %eax
	jmp 2f
1:	movl $1, %eax
2:	popq %rcx
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.section .note.GNU-stack, "", @progbits
