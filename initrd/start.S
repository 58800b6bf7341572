/* SPDX-License-Identifier: MIT
 *
 * Entry and system calls of the initial RAM disk's /init.
 */
	.text

/* _start: the kernel's entry. The stack holds argc, argv[], NULL, envp[], NULL (System V ABI, x86-64 §3.4.1).
 * Does not return: exits with what init_main() says. */
	.globl _start
_start:
	xor	%ebp, %ebp
	mov	(%rsp), %rax			/* argc */
	lea	8(%rsp), %rdi			/* argv */
	lea	16(%rsp, %rax, 8), %rsi		/* envp */
	and	$-16, %rsp
	call	init_main
	mov	%eax, %edi
	mov	$60, %eax			/* exit */
	syscall

/* long syscall5(long number, long a, long b, long c, long d, long e)
 * In: rdi, rsi, rdx, rcx, r8, r9. Out: rax. Clobbers rcx, r10, r11 and the argument registers. */
	.globl syscall5
syscall5:
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	syscall
	ret

	.section .note.GNU-stack, "", @progbits
