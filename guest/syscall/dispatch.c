/* SPDX-License-Identifier: MIT
 *
 * The table, made of the .def files, and the one place from which system calls are called.
 */
#include <stddef.h>

#include "guest/arch/trap.h"
#include "guest/hyper/strace.h"
#include "guest/lib/errno.h"
#include "guest/syscall/syscall.h"

#define SYSCALL(number, name, note) void sys_##name(void);
#include "guest/syscall/all.h"
#undef SYSCALL

static const struct {
	syscall_function function;
	const char *name;
} table[SYSCALL_COUNT] = {
#define SYSCALL(number, name, note) [number] = {(syscall_function)sys_##name, #name},
#include "guest/syscall/all.h"
#undef SYSCALL
};

uint64_t syscall_counts[SYSCALL_COUNT]; /* not atomic: a lost count is no matter, a locked add is */
uint64_t syscall_unknown_count;

void syscall_dispatch(struct trap_frame *frame)
{
	const uint64_t number = frame->rax;

	if (number >= SYSCALL_COUNT || !table[number].function) {
		syscall_unknown_count++;
		if (number < SYSCALL_COUNT)
			syscall_counts[number]++;
		frame->rax = -ENOSYS;
		return;
	}
	syscall_counts[number]++;
	frame->error = number; /* for signal_deliver(), which may restart the call */
	if (__builtin_expect(strace_is_on, false))
		strace_call(frame, table[number].function);
	else
		frame->rax = (uint64_t)table[number].function(frame->rdi, frame->rsi, frame->rdx,
							      frame->r10, frame->r8, frame->r9);
}

const char *syscall_name(unsigned number)
{
	return number < SYSCALL_COUNT ? table[number].name : NULL;
}
