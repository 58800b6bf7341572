/* SPDX-License-Identifier: MIT
 *
 * What is switched besides the stack. FPU registers are saved whenever a task with user mode leaves a CPU,
 * and loaded only when another one's are in them.
 */
#include "guest/arch/switch.h"

#include <stddef.h>

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/trap.h"
#include "guest/arch/xstate.h"
#include "guest/lib/string.h"
#include "guest/mm/space.h"
#include "guest/sched/task.h"

#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define FCW_DEFAULT 0x37f
#define MXCSR_DEFAULT 0x1f80
#define MXCSR_KNOWN 0xffff /* of every processor with SSE2 and DAZ */
#define FXSAVE_MXCSR 24	   /* offset, Intel SDM vol. 1 table 10-2 */

_Static_assert(offsetof(struct task, kernel_rsp) == TASK_KERNEL_RSP, "TASK_KERNEL_RSP");

/* In trap_entry.S. */
struct task *switch_stacks(struct task *previous, struct task *next);
void switch_first(void);
_Noreturn void trap_return_to(struct trap_frame *frame);

/* What switch_stacks() pops, then what switch_first() calls. */
struct first_frame {
	uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};

void switch_prepare(struct task *task, void (*start)(struct task *previous))
{
	struct first_frame *first = (void *)stack_frame(task->kernel_stack);

	first--;
	*first = (struct first_frame){.rbx = (uint64_t)start, .rip = (uint64_t)switch_first};
	task->kernel_rsp = (uint64_t)first;
}

struct trap_frame *stack_frame(uint64_t stack)
{
	return (struct trap_frame *)stack_top(stack) - 1;
}

void fpu_save(struct fpu_state *state)
{
	asm volatile("fxsave64 %0" : "+m"(*state)); /* + for what it leaves as it was */
}

static void load(const struct fpu_state *state)
{
	asm volatile("fxrstor64 %0" : : "m"(*state));
}

void fpu_load(struct fpu_state *state)
{
	uint32_t *mxcsr = (uint32_t *)(state->bytes + FXSAVE_MXCSR);

	*mxcsr &= MXCSR_KNOWN;
	load(state);
}

void fpu_reset(void)
{
	const uint32_t mxcsr = MXCSR_DEFAULT;
	const uint16_t fcw = FCW_DEFAULT;
	struct fpu_state state = {0};

	memcpy(state.bytes, &fcw, sizeof(fcw));
	memcpy(state.bytes + FXSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	xstate_reset();
	load(&state);
}

/* Always, equal or not: a program may have changed a base by loading a selector. */
static void load_segment_bases(const struct task *task)
{
	msr_write(MSR_FS_BASE, task->fs_base);
	msr_write(MSR_GS_BASE, task->gs_base);
}

void switch_load_segment_bases(void)
{
	load_segment_bases(task_this());
}

/* A task's address may be that of one that has ended, so the CPU that has its registers must agree. */
static void load_fpu(struct cpu *cpu, struct task *task)
{
	if (cpu->fpu_owner == task && task->fpu_cpu == cpu->index + 1)
		return;
	xstate_load(task);
	load(&task->fpu); /* after that: it has the MXCSR that counts */
	cpu->fpu_owner = task;
	task->fpu_cpu = cpu->index + 1;
}

struct task *switch_to(struct task *previous, struct task *next)
{
	struct cpu *cpu = cpu_this();

	((struct stack_base *)next->kernel_stack)->cpu = cpu;
	cpu->base.task = next;
	if (previous->frame) {
		xstate_save(previous);
		fpu_save(&previous->fpu);
	}
	if (previous->space != next->space)
		space_switch(previous->space, next->space);
	if (next->frame) {
		load_segment_bases(next);
		load_fpu(cpu, next);
		cpu_set_kernel_stack(cpu, stack_top(next->kernel_stack));
	}
	return switch_stacks(previous, next);
}

void switch_to_user(void)
{
	const uint64_t stack = (uint64_t)stack_base_this();

	cpu_set_kernel_stack(cpu_this(),
			     stack_top(stack)); /* it may have begun as a kernel thread */
	trap_return_to(stack_frame(stack));
}
