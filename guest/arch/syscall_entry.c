/* SPDX-License-Identifier: MIT
 *
 * Until the first system call the stub's page is closed to user mode. If syscall stays in ring 3 there, the
 * stub can't even be fetched, and that fault opens the page, on each CPU when it is needed there.
 */
#include "guest/arch/syscall_entry.h"

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/trap.h"
#include "guest/proc/signal.h"
#include "guest/syscall/syscall.h"

#define USER_FLAGS 0x240dd5 /* ID AC OF DF TF SF ZF AF PF CF */
#define FLAGS_ALWAYS (RFLAGS_IF | 2)

extern const char syscall_stub[], syscall_stub_ud[];

/* What syscall does on this host; unknown until the first one. */
static enum { SYSCALL_UNKNOWN, SYSCALL_ENTERS_KERNEL, SYSCALL_STAYS_IN_USER } kind;

bool syscall_stays_in_user(void)
{
	return kind == SYSCALL_STAYS_IN_USER;
}

/* The registers are as syscall left them, but for the flags, which the stub has moved up in r11. */
static bool take(struct trap_frame *frame, uint64_t rflags)
{
	frame->vector = VECTOR_SYSCALL;
	frame->rip = frame->rcx;
	frame->r11 = rflags;
	frame->rflags = rflags;
	return true;
}

bool syscall_entry_is(struct trap_frame *frame)
{
	const uint64_t stub = (uint64_t)cpu_this() + CPU_AREA_STUB;

	if (kind == SYSCALL_ENTERS_KERNEL)
		return false;
	if (frame->vector == EXCEPTION_UD && frame->rip == stub + (syscall_stub_ud - syscall_stub))
		return take(frame, frame->r11 >> 16);
	if (frame->vector != EXCEPTION_PF || frame->rip != stub)
		return false;
	kind = SYSCALL_STAYS_IN_USER;
	cpu_syscall_stays_in_user();
	return take(frame, frame->r11);
}

void syscall_entry(struct trap_frame *frame)
{
	if (kind == SYSCALL_UNKNOWN)
		kind = SYSCALL_ENTERS_KERNEL;
	frame->rflags = (frame->rflags & USER_FLAGS) | FLAGS_ALWAYS;
	irq_enable();
	if (frame->rip >= USER_END) /* iretq must not fault */
		signal_force(SIGSEGV, SEGV_MAPERR, frame->rip);
	else
		syscall_dispatch(frame);
	irq_disable();
}
