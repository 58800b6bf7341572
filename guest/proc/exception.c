/* SPDX-License-Identifier: MIT
 *
 * Exceptions of user code: pages that it may have, signals for all else, with a report if that is the end of
 * the program.
 */
#include "guest/arch/insn.h"
#include "guest/arch/trap.h"
#include "guest/board/machine.h"
#include "guest/lib/print.h"
#include "guest/lib/rate.h"
#include "guest/mm/space.h"
#include "guest/proc/process.h"

#define EXCEPTION_DB 1
#define EXCEPTION_MF 16
#define EXCEPTION_AC 17
#define EXCEPTION_XM 19

/* Programs that fail over and over must not hold everybody up, nor push all else out of the log. */
static struct rate reports = {.burst = 10, .interval_ns = 5000000000ull, .what = "faults"};

static void report_registers(const struct trap_frame *f)
{
	print("  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n"
	      "  rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n"
	      "  r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n"
	      "  r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n"
	      "  rip %016lx rflags %lx\n",
	      f->rax, f->rbx, f->rcx, f->rdx, f->rsi, f->rdi, f->rbp, f->rsp, f->r8, f->r9, f->r10,
	      f->r11, f->r12, f->r13, f->r14, f->r15, f->rip, f->rflags);
}

/* In words, what the address belongs to. The areas may change meanwhile; labels are literals. */
static const char *area_at(struct space *space, uint64_t gva)
{
	const char *name = "no area";

	mutex_lock(&space->lock);
	for (struct tree_node *node = space->areas.first; node; node = tree_next(node)) {
		const struct vm_area *area = container_of(node, struct vm_area, by_address);

		if (gva >= area->start_gva && gva < area->end_gva)
			name = area->label		       ? area->label
			       : area->file		       ? "a mapped file"
			       : area->protection & PROT_WRITE ? "anonymous memory"
							       : "read-only memory";
	}
	mutex_unlock(&space->lock);
	return name;
}

/* For the kernel's log, when nothing else will tell why a program has ended. The word fault-registers on the
 * command line adds the registers. */
static void report(const struct trap_frame *frame, uint64_t address_gva, int error)
{
	const struct task *task = task_this();

	if (frame->vector == EXCEPTION_PF)
		print("%s[%d]: %s %#lx from rip %#lx: %s (%s)\n", task->name, task->process->pid,
		      frame->error & PF_FETCH	? "cannot execute"
		      : frame->error & PF_WRITE ? "cannot write"
						: "cannot read",
		      address_gva, frame->rip,
		      error == -EACCES	 ? "not permitted there"
		      : error == -EIO	 ? "beyond the end of the file, or it can't be read"
		      : error == -ENOMEM ? "out of memory"
					 : "nothing is mapped there",
		      area_at(task->space, address_gva));
	else
		print("%s[%d]: %s at rip %#lx, error %#lx\n", task->name, task->process->pid,
		      trap_name(frame->vector), frame->rip, frame->error);
	if (machine_has_word("fault-registers"))
		report_registers(frame);
}

/* Of a victim the OOM killer has told already. */
static bool is_known(int error)
{
	return error == -ENOMEM && task_this()->space->doomed;
}

static void send(const struct trap_frame *frame, int number, int code, uint64_t address_gva,
		 int error)
{
	struct task_signals *signals = &task_this()->signals;

	if (signal_is_fatal(number) && number != SIGTRAP && !is_known(error) &&
	    rate_allows(&reports))
		report(frame, address_gva, error);
	signals->fault_vector = frame->vector;
	signals->fault_error = frame->error;
	signals->fault_gva = frame->vector == EXCEPTION_PF ? address_gva : signals->fault_gva;
	signal_force(number, code, address_gva);
}

static void page_fault(struct trap_frame *frame, uint64_t address_gva)
{
	const enum space_access access = frame->error & PF_FETCH   ? SPACE_EXECUTE
					 : frame->error & PF_WRITE ? SPACE_WRITE
								   : SPACE_READ;
	const int error = space_fault(task_this()->space, address_gva, access);

	if (!error)
		return;
	if (error == -EIO || error == -ENOMEM)
		send(frame, SIGBUS, BUS_ADRERR, address_gva, error);
	else
		send(frame, SIGSEGV, error == -EACCES ? SEGV_ACCERR : SEGV_MAPERR, address_gva,
		     error);
}

void process_exception(struct trap_frame *frame)
{
	const uint64_t address_gva = frame->vector == EXCEPTION_PF ? cr2_read() : 0;

	irq_enable();
	switch (frame->vector) {
	case EXCEPTION_PF: page_fault(frame, address_gva); break;
	case EXCEPTION_DE: send(frame, SIGFPE, FPE_INTDIV, frame->rip, 0); break;
	case EXCEPTION_MF:
	case EXCEPTION_XM: send(frame, SIGFPE, FPE_FLTINV, frame->rip, 0); break;
	case EXCEPTION_UD: send(frame, SIGILL, ILL_ILLOPN, frame->rip, 0); break;
	case EXCEPTION_DB: send(frame, SIGTRAP, TRAP_TRACE, frame->rip, 0); break;
	case EXCEPTION_BP: send(frame, SIGTRAP, TRAP_BRKPT, frame->rip, 0); break;
	case EXCEPTION_AC: send(frame, SIGBUS, BUS_ADRALN, frame->rip, 0); break;
	default: send(frame, SIGSEGV, SI_KERNEL, 0, 0);
	}
	irq_disable();
}
