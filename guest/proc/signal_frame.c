/* SPDX-License-Identifier: MIT
 *
 * What a signal handler finds on the stack, and what comes back from there: Linux's rt_sigframe of x86-64.
 *
 *   rsp -> address of the restorer | struct user_context | siginfo_t | … | fxsave area, 64-byte-aligned
 *
 * The frame is the program's to change, so what comes back is taken for what a program may set: general
 * registers, flags without privilege, an address to go on at that is the user's, an FPU state that loads.
 */
#include "guest/arch/segments.h"
#include "guest/arch/switch.h"
#include "guest/arch/trap.h"
#include "guest/mm/layout.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/proc/signal_sets.h"

#define RED_ZONE_BYTES 128 /* psABI 3.2.2 */
#define FPU_ALIGN 64
#define FLAGS_OF_USER 0x240dd5	     /* ID AC OF DF TF SF ZF AF PF CF */
#define FLAGS_ALWAYS 0x202	     /* IF, and the bit that is always set */
#define FLAGS_OFF_IN_HANDLER 0x10500 /* RF DF TF */
#define CONTEXT_HAS_SS 6	     /* UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS */

struct user_stack { /* stack_t */
	uint64_t at_gva;
	uint32_t flags, padding;
	uint64_t bytes;
};

struct user_registers { /* struct sigcontext */
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip,
		rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t error, vector, old_mask, cr2, fpu_gva, reserved[8];
};

struct user_context { /* struct ucontext */
	uint64_t flags, link;
	struct user_stack stack;
	struct user_registers registers;
	signal_set mask;
};

struct signal_frame {
	uint64_t restorer_gva;
	struct user_context context;
	struct signal_info info;
};
_Static_assert(sizeof(struct user_registers) == 256 && sizeof(struct user_context) == 304 &&
		       sizeof(struct signal_frame) == 440,
	       "rt_sigframe");

bool signal_is_on_stack(uint64_t rsp)
{
	const struct task_signals *signals = &task_this()->signals;

	return signals->stack_bytes && rsp > signals->stack_gva &&
	       rsp - signals->stack_gva <= signals->stack_bytes;
}

static void save_registers(struct user_registers *to, const struct trap_frame *frame)
{
	const struct task_signals *signals = &task_this()->signals;

	*to = (struct user_registers){
		.r8 = frame->r8,
		.r9 = frame->r9,
		.r10 = frame->r10,
		.r11 = frame->r11,
		.r12 = frame->r12,
		.r13 = frame->r13,
		.r14 = frame->r14,
		.r15 = frame->r15,
		.rdi = frame->rdi,
		.rsi = frame->rsi,
		.rbp = frame->rbp,
		.rbx = frame->rbx,
		.rdx = frame->rdx,
		.rax = frame->rax,
		.rcx = frame->rcx,
		.rsp = frame->rsp,
		.rip = frame->rip,
		.rflags = frame->rflags,
		.cs = USER_CS,
		.ss = USER_DS,
		.error = signals->fault_error,
		.vector = signals->fault_vector,
		.cr2 = signals->fault_gva,
	};
}

static void restore_registers(struct trap_frame *frame, const struct user_registers *from)
{
	*frame = (struct trap_frame){
		.r8 = from->r8,
		.r9 = from->r9,
		.r10 = from->r10,
		.r11 = from->r11,
		.r12 = from->r12,
		.r13 = from->r13,
		.r14 = from->r14,
		.r15 = from->r15,
		.rdi = from->rdi,
		.rsi = from->rsi,
		.rbp = from->rbp,
		.rbx = from->rbx,
		.rdx = from->rdx,
		.rax = from->rax,
		.rcx = from->rcx,
		.rsp = from->rsp,
		.rip = from->rip,
		.rflags = (from->rflags & FLAGS_OF_USER) | FLAGS_ALWAYS,
		.cs = USER_CS,
		.ss = USER_DS,
		.vector = frame->vector,
		.error = NO_RESTART,
	};
}

static uint64_t handler_stack(const struct trap_frame *frame, const struct signal_action *action)
{
	const struct task_signals *signals = &task_this()->signals;

	if ((action->flags & SA_ONSTACK) && signals->stack_bytes && !signal_is_on_stack(frame->rsp))
		return signals->stack_gva + signals->stack_bytes;
	return frame->rsp - RED_ZONE_BYTES;
}

static struct user_stack describe_stack(uint64_t rsp)
{
	struct task_signals *signals = &task_this()->signals;
	struct user_stack stack = {.at_gva = signals->stack_gva, .bytes = signals->stack_bytes};

	stack.flags = signals->stack_flags;
	if (!signals->stack_bytes)
		stack.flags |= SS_DISABLE;
	else if (signal_is_on_stack(rsp))
		stack.flags |= SS_ONSTACK;
	if (signals->stack_flags & SS_AUTODISARM)
		signals->stack_bytes = 0;
	return stack;
}

bool signal_frame_push(struct trap_frame *frame, const struct signal_action *action,
		       const struct signal_info *info, signal_set mask)
{
	const uint64_t fpu_gva = (handler_stack(frame, action) - sizeof(struct fpu_state)) &
				 -(uint64_t)FPU_ALIGN;
	/* rsp + 8 is a multiple of 16, as behind a call */
	const uint64_t at = ((fpu_gva - sizeof(struct signal_frame)) & -16ull) - 8;
	struct signal_frame on_stack = {.restorer_gva = action->restorer_gva,
					.context = {.flags = CONTEXT_HAS_SS, .mask = mask},
					.info = *info};
	struct fpu_state fpu = {0}; /* fxsave leaves some bytes as they are */

	if (!(action->flags & SA_RESTORER))
		return false;
	fpu_save(&fpu);
	on_stack.context.stack = describe_stack(frame->rsp);
	save_registers(&on_stack.context.registers, frame);
	on_stack.context.registers.fpu_gva = fpu_gva;
	if (user_write(fpu_gva, &fpu, sizeof(fpu)) || user_write(at, &on_stack, sizeof(on_stack)))
		return false;
	frame->rdi = (uint64_t)info->number;
	frame->rsi = at + offsetof(struct signal_frame, info);
	frame->rdx = at + offsetof(struct signal_frame, context);
	frame->rax = 0;
	frame->rsp = at;
	frame->rip = action->handler_gva;
	frame->rflags &= ~(uint64_t)FLAGS_OFF_IN_HANDLER;
	return action->handler_gva < USER_END;
}

bool signal_frame_pop(struct trap_frame *frame, signal_set *mask)
{
	struct task_signals *signals = &task_this()->signals;
	struct user_context context;
	struct fpu_state fpu;

	/* ret took the restorer's address off */
	if (user_read(&context, frame->rsp, sizeof(context)))
		return false;
	if (context.registers.fpu_gva) {
		if (user_read(&fpu, context.registers.fpu_gva, sizeof(fpu)))
			return false;
		fpu_load(&fpu);
	} else {
		fpu_reset();
	}
	restore_registers(frame, &context.registers);
	*mask = context.mask;
	signals->stack_flags = context.stack.flags & SS_AUTODISARM;
	signals->stack_gva = context.stack.at_gva;
	signals->stack_bytes = context.stack.flags & SS_DISABLE ? 0 : context.stack.bytes;
	return frame->rip < USER_END;
}
