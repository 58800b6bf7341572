/* SPDX-License-Identifier: MIT
 *
 * The self-test's user program. It is linked on its own and embedded as an ELF file; its argument is the
 * number of a task (syscall.h).
 */
#include <stddef.h>
#include <stdint.h>

#include "guest/user/syscall.h"

#define ROUNDS 16
#define KERNEL_ADDRESS 0xffffffff80200000ull

_Noreturn void user_main(uint64_t task);
uint64_t keeps_registers(void); /* start.S */

static int64_t syscall3(int64_t number, uint64_t a, uint64_t b, uint64_t c)
{
	asm volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return number;
}

static uint64_t cycles(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static char *append(char *at, const char *text)
{
	while (*text)
		*at++ = *text++;
	return at;
}

static char *append_number(char *at, uint64_t value)
{
	if (value >= 10)
		at = append_number(at, value / 10);
	*at++ = (char)('0' + value % 10);
	return at;
}

static char line[128]; /* in .bss: proves that the kernel gave us one */

static int hello(void)
{
	uint64_t best = UINT64_MAX;
	char *at;

	for (int i = 0; i < ROUNDS; i++) {
		const uint64_t start = cycles();
		uint64_t took;

		syscall3(SYSCALL_GETPID, 0, 0, 0);
		took = cycles() - start;
		if (took < best)
			best = took;
	}
	at = append(line, "hello from ring 3: I am process ");
	at = append_number(at, syscall3(SYSCALL_GETPID, 0, 0, 0));
	at = append(at, ", a system call takes ");
	at = append_number(at, best);
	at = append(at, " TSC cycles\n");
	return syscall3(SYSCALL_WRITE, 1, (uint64_t)line, at - line) != at - line;
}

static int attempt(uint64_t task)
{
	uint8_t code[] = {0xc3}; /* ret, on the stack */

	switch (task) {
	case USER_READ_KERNEL: (void)*(volatile uint64_t *)KERNEL_ADDRESS; break;
	case USER_WRITE_TEXT: *(volatile uint8_t *)(uintptr_t)user_main = 0; break;
	case USER_RUN_STACK: asm volatile("call *%0" : : "r"(code) : "memory"); break;
	case USER_HALT: asm volatile("hlt"); break;
	case USER_PORT: asm volatile("outb %%al, $0x80" : : "a"(0)); break;
	case USER_WRITE_CR3: asm volatile("mov %0, %%cr3" : : "r"(0ull)); break;
	case USER_BAD_POINTER: return syscall3(SYSCALL_WRITE, 1, KERNEL_ADDRESS, 16) != -14;
	case USER_KEEPS_REGISTERS: return (int)keeps_registers();
	default: break;
	}
	return 1;
}

void user_main(uint64_t task)
{
	syscall3(SYSCALL_EXIT, task == USER_HELLO ? hello() : attempt(task), 0, 0);
	for (;;)
		;
}
