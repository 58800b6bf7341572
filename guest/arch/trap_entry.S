/* SPDX-License-Identifier: MIT
 *
 * From a vector stub, or from the system call stub, to C and back. There is one kind of frame and
 * one way out: iretq (sysretq raises #GP on deprivileged hosts).
 *
 *      rsp -> r15 r14 r13 r12 r11 r10 r9 r8 rbp rdi rsi rdx rcx rbx rax     by trap_entry
 *             vector  error                                                  by the stub
 *             rip  cs  rflags  rsp  ss                                       by the processor
 */
#include "guest/arch/segments.h"
#include "guest/mm/layout.h"

	.text
	.globl trap_entry, trap_return
trap_entry:
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	call trap_dispatch
trap_return:
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	addq $16, %rsp
	iretq

/* The page that LSTAR points into, seen by every CPU right after its struct cpu, and addressing that
 * relative to itself. In: rcx = user rip, r11 = user rflags, rsp = user stack, interrupts off.
 *
 * Elsewhere syscall enters ring 0. On a deprivileged host it arrives here in ring 3, so the stub
 * looks at its own privilege level, and in ring 3 raises #UD, whose handler knows syscall_stub_ud.
 * All registers but r11 are live: the flags move up by 16 bits to make room for the selector. */
	.section .text.syscall_page, "ax"
	.balign PAGE_BYTES
	.globl syscall_stub, syscall_stub_ud
#define AREA(field) (syscall_stub - CPU_AREA_STUB + (field))(%rip)
syscall_stub:
	shlq $16, %r11
	movw %cs, %r11w
	testb $3, %r11b
	jnz syscall_stub_ud
	movq %rsp, AREA(CPU_USER_RSP)
	movq AREA(CPU_KERNEL_RSP), %rsp
	shrq $16, %r11
	pushq $USER_DS
	pushq AREA(CPU_USER_RSP)
	pushq %r11
	pushq $USER_CS
	pushq %rcx
	pushq $0
	pushq $VECTOR_SYSCALL
	jmpq *1f(%rip)
syscall_stub_ud:
	ud2
/* xstate.c comes here in ring 3: rdi = area, edx:eax = components. */
	.globl xstate_save_stub, xstate_save_ud, xstate_load_stub, xstate_load_ud
xstate_save_stub:
	xsave64 (%rdi)
xstate_save_ud:
	ud2
xstate_load_stub:
	xrstor64 (%rdi)
xstate_load_ud:
	ud2
	.balign 8
1:	.quad trap_entry
	.balign PAGE_BYTES, 0xcc

/* int64_t user_enter(struct cpu *cpu, const struct trap_frame *frame)
 * Runs user code from frame until user_leave(); returns what that was given. The callee-saved
 * registers wait on the kernel stack, and traps from user mode push below them. */
	.text
	.globl user_enter, user_leave
user_enter:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq CPU_LEAVE_RSP(%rdi)
	movq %rsp, CPU_LEAVE_RSP(%rdi)
	movq %rdi, %rbx
	movq %rsi, %r12
	movq %rsp, %rsi
	andq $-16, %rsi
	call cpu_set_kernel_stack	/* (cpu, rsp) */
	movq %r12, %rsp
	jmp trap_return

/* _Noreturn void user_leave(struct cpu *cpu, int64_t result): out of user_enter. */
user_leave:
	movq CPU_LEAVE_RSP(%rdi), %rsp
	movq %rsi, %rax
	popq CPU_LEAVE_RSP(%rdi)
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret

/* struct task *switch_stacks(struct task *previous, struct task *next)
 * Leaves previous where it is and goes on with next where that was left; returns previous. */
	.globl switch_stacks, switch_first, trap_return_to
switch_stacks:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, TASK_KERNEL_RSP(%rdi)
	movq TASK_KERNEL_RSP(%rsi), %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	movq %rdi, %rax
	ret

/* Where a new task's first switch_stacks() returns to: rax = previous, rbx = what to call with it. */
switch_first:
	movq %rax, %rdi
	call *%rbx
	ud2

/* _Noreturn void trap_return_to(struct trap_frame *frame) */
trap_return_to:
	movq %rdi, %rsp
	jmp trap_return

/* bool trap_try(void (*function)(void *), void *argument, uint64_t *resume_rsp)
 * Calls function; 1 if it returned, 0 if it raised an exception and trap.c came back through
 * trap_resume(*resume_rsp). */
	.globl trap_try, trap_resume
trap_try:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %rdx
	movq %rsp, (%rdx)
	movq %rdi, %rax
	movq %rsi, %rdi
	call *%rax
	movl $1, %eax
	jmp 1f

/* _Noreturn void trap_resume(uint64_t resume_rsp) */
trap_resume:
	movq %rdi, %rsp
	xorl %eax, %eax
1:	popq %rdx
	movq $0, (%rdx)
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret

	.section .note.GNU-stack, "", @progbits
