/* SPDX-License-Identifier: MIT
 *
 * System calls: Linux's numbers and registers (x86-64 psABI A.2.1): rax number, rdi rsi rdx
 * arguments, rax result; rcx and r11 are lost.
 */
#ifndef GUEST_USER_SYSCALL_H
#define GUEST_USER_SYSCALL_H

#define SYSCALL_WRITE 1
#define SYSCALL_GETPID 39
#define SYSCALL_EXIT 60

#ifndef __ASSEMBLER__

/* What the embedded program does: a digit, its argument. */
enum user_task {
	USER_HELLO,	  /* prints a line, measures getpid, exits with 0 */
	USER_READ_KERNEL, /* the others do what ring 3 must not do; exit with 1 if they could */
	USER_WRITE_TEXT,
	USER_RUN_STACK,
	USER_HALT,
	USER_PORT,
	USER_WRITE_CR3,
	USER_BAD_POINTER,     /* write() from kernel memory must fail; exits with 0 if it did */
	USER_KEEPS_REGISTERS, /* exits with 0 if a system call kept rbx, rbp, r8 … r15, flags */
	USER_TASK_COUNT
};
#endif

#endif
