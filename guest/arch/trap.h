/* SPDX-License-Identifier: MIT
 *
 * Exceptions and interrupts: what C sees of them.
 */
#ifndef GUEST_ARCH_TRAP_H
#define GUEST_ARCH_TRAP_H

#include <stdbool.h>
#include <stdint.h>

enum exception {
	EXCEPTION_DE = 0,
	EXCEPTION_NMI = 2,
	EXCEPTION_BP = 3,
	EXCEPTION_UD = 6,
	EXCEPTION_DF = 8,
	EXCEPTION_GP = 13,
	EXCEPTION_PF = 14,
	EXCEPTION_COUNT = 32
};

/* Bits of a page fault's error code. */
#define PF_PRESENT 1
#define PF_WRITE 2
#define PF_USER 4
#define PF_FETCH 16

/* As trap_entry.S leaves it on the stack. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

static inline bool trap_from_user(const struct trap_frame *frame)
{
	return frame->cs & 3;
}

/* An exception as trap_catch() reports it. */
struct trap_report {
	uint64_t vector, error, rip, cr2;
};

/* Runs function(argument). true if it raised an exception instead of returning; report says which
 * (report may be NULL). Interrupts must be on, and are on afterwards. */
bool trap_catch(void (*function)(void *argument), void *argument, struct trap_report *report);

/* Calls handler(vector) with interrupts off whenever this vector (>= 32) arrives; at boot only. The
 * LAPIC is told about the end of the interrupt afterwards. */
void trap_set_handler(unsigned vector, void (*handler)(unsigned vector));

/* How often each vector >= 32 arrived, on all CPUs together. */
uint64_t trap_interrupt_count(unsigned vector);

/* "#PF page fault", "interrupt 48", … */
const char *trap_name(uint64_t vector);

/* The error code in words, into text. */
void trap_explain(const struct trap_frame *frame, char *text, unsigned size);

/* Whether a system call is what frame came from; signals then look at its result. */
static inline bool trap_is_syscall(const struct trap_frame *frame)
{
	return frame->vector == 0x100; /* VECTOR_SYSCALL */
}

/* Called by trap_entry. */
void trap_dispatch(struct trap_frame *frame);

#endif
