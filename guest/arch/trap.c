/* SPDX-License-Identifier: MIT
 *
 * Where every exception and interrupt ends up: interrupts go to their handler, a user program's
 * faults end that program, an expected fault goes back to trap_catch(), any other is a panic.
 */
#include "guest/arch/trap.h"

#include <stddef.h>

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/lapic.h"
#include "guest/arch/syscall_entry.h"
#include "guest/arch/xstate.h"
#include "guest/hyper/async_pf.h"
#include "guest/lib/panic.h"
#include "guest/lib/print.h"
#include "guest/mm/paging.h"
#include "guest/proc/process.h"
#include "guest/sched/schedule.h"
#include "guest/sched/task.h"

static const char *const exception_name[EXCEPTION_COUNT] = {
	[0] = "#DE divide error",
	[1] = "#DB debug",
	[2] = "NMI",
	[3] = "#BP breakpoint",
	[4] = "#OF overflow",
	[5] = "#BR bound range",
	[6] = "#UD invalid opcode",
	[7] = "#NM device not available",
	[8] = "#DF double fault",
	[10] = "#TS invalid TSS",
	[11] = "#NP segment not present",
	[12] = "#SS stack fault",
	[13] = "#GP general protection",
	[14] = "#PF page fault",
	[16] = "#MF x87 error",
	[17] = "#AC alignment check",
	[18] = "#MC machine check",
	[19] = "#XM SIMD error",
	[20] = "#VE virtualization exception",
	[21] = "#CP control protection",
	[29] = "#VC VMM communication",
	[30] = "#SX security exception",
};

static void (*handler[256])(unsigned vector);
static uint64_t interrupt_count[256]; /* atomic adds */

/* In trap_entry.S. */
bool trap_try(void (*function)(void *), void *argument, uint64_t *resume_rsp);
_Noreturn void trap_resume(uint64_t resume_rsp);

static struct trap_report last_report[CPU_MAX]; /* each entry is its CPU's */

bool trap_catch(void (*function)(void *argument), void *argument, struct trap_report *report)
{
	const bool raised = !trap_try(function, argument, &task_this()->try_rsp);

	if (raised) {
		if (report)
			*report = last_report[cpu_this()->index];
		irq_enable();
	}
	return raised;
}

void trap_set_handler(unsigned vector, void (*function)(unsigned vector))
{
	handler[vector] = function;
}

uint64_t trap_interrupt_count(unsigned vector)
{
	return __atomic_load_n(&interrupt_count[vector], __ATOMIC_RELAXED);
}

const char *trap_name(uint64_t vector)
{
	if (vector < EXCEPTION_COUNT && exception_name[vector])
		return exception_name[vector];
	return vector == VECTOR_SYSCALL ? "system call" : "interrupt";
}

static void explain_page_fault(const struct trap_frame *frame, char *text, unsigned size)
{
	const uint64_t e = frame->error;

	print_to(text, size, "%s by %s code at %#lx: %s",
		 e & PF_FETCH	? "instruction fetch"
		 : e & PF_WRITE ? "write"
				: "read",
		 e & PF_USER ? "user" : "kernel", cr2_read(),
		 e & PF_PRESENT ? "not permitted there" : "nothing is mapped there");
}

void trap_explain(const struct trap_frame *frame, char *text, unsigned size)
{
	static const char *const table[] = {"GDT", "IDT", "LDT", "IDT"};
	const uint64_t e = frame->error;

	text[0] = 0;
	if (frame->vector == EXCEPTION_PF)
		explain_page_fault(frame, text, size);
	else if (frame->vector >= 10 && frame->vector <= 13 && e)
		print_to(text, size, "%s entry %#lx%s", table[e >> 1 & 3], e & 0xfff8,
			 e & 1 ? ", while delivering another event" : "");
	else if (frame->vector == EXCEPTION_GP)
		print_to(text, size,
			 "privileged instruction, non-canonical address or reserved bit");
	else if (frame->vector == EXCEPTION_DF)
		print_to(text, size, "a fault while delivering a fault: see rsp");
}

/* Only level-triggered interrupts, which are the IOAPIC's, must not end before the device was asked. Others end
 * first: KVM takes the offer of an end without an exit back at the next exit, which handlers make. */
static void deliver_interrupt(unsigned vector)
{
	const bool ends_first = vector >= VECTOR_MSI;

	__atomic_fetch_add(&interrupt_count[vector], 1, __ATOMIC_RELAXED);
	if (vector == VECTOR_SPURIOUS)
		return; /* gets no EOI, Intel SDM vol. 3 §10.9 */
	if (ends_first)
		lapic_end_of_interrupt();
	if (handler[vector])
		handler[vector](vector);
	if (!ends_first)
		lapic_end_of_interrupt();
}

/* On the boot stack there is no task. */
static struct task *task_if_any(const struct trap_frame *frame)
{
	return (uint64_t)frame >= CPU_AREA_BASE ? task_this() : NULL;
}

static _Noreturn void fatal(struct trap_frame *frame)
{
	char text[128];

	trap_explain(frame, text, sizeof(text));
	if (frame->vector == EXCEPTION_DF)
		panic_double_fault(frame);
	panic_frame(frame, "%s%s%s", trap_name(frame->vector), text[0] ? ": " : "", text);
}

static void deliver_exception(struct trap_frame *frame)
{
	struct task *task = task_if_any(frame);

	if (frame->vector == EXCEPTION_NMI) {
		panic_stop_if_asked();
		return;
	}
	if (trap_from_user(frame)) {
		xstate_end(frame);
		if (syscall_entry_is(frame))
			syscall_entry(frame);
		else if (frame->vector == EXCEPTION_PF && async_pf_was(cpu_this()))
			return;
		else
			process_exception(frame);
		return;
	}
	if (task && task->try_rsp && frame->vector != EXCEPTION_DF) {
		last_report[cpu_this()->index] = (struct trap_report){frame->vector, frame->error,
								      frame->rip, cr2_read()};
		trap_resume(task->try_rsp);
	}
	fatal(frame);
}

/* What has to be done before user mode goes on: others may have to run, signals may have come. */
static void return_to_user(struct trap_frame *frame)
{
	struct task *task = task_this();

	irq_disable();
	if (xstate_is_under_way())
		return; /* an interrupt in the middle of a switch */
	for (;;) {
		sched_check();
		if (!__atomic_load_n(&task->signals.pending, __ATOMIC_RELAXED))
			return;
		irq_enable();
		signal_deliver(frame, trap_is_syscall(frame));
		frame->vector = 0; /* a second round must not restart the call again */
		irq_disable();
	}
}

void trap_dispatch(struct trap_frame *frame)
{
	if (frame->vector == VECTOR_SYSCALL)
		syscall_entry(frame);
	else if (frame->vector < EXCEPTION_COUNT)
		deliver_exception(frame);
	else
		deliver_interrupt(frame->vector);
	if (trap_from_user(frame))
		return_to_user(frame);
	else if (frame->vector >= EXCEPTION_COUNT && (frame->rflags & RFLAGS_IF))
		sched_check(); /* spinlocks are held with interrupts off, so here is none */
}
