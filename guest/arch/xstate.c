/* SPDX-License-Identifier: MIT
 *
 * One excursion: the task's page is mapped for user mode in this CPU's area, iretq to the stub, xsave or
 * xrstor, ud2 back, and the page is closed again.
 */
#include "guest/arch/xstate.h"

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/syscall_entry.h"
#include "guest/arch/trap.h"
#include "guest/mm/page.h"
#include "guest/mm/paging.h"
#include "guest/sched/task.h"

#define WINDOW(cpu) ((uint64_t)(cpu) + CPU_AREA_XSTATE)
/* AVX and AVX-512 (Intel SDM vol. 1 §13.1); fxsave has the rest. All of it fits a page. */
#define COMPONENTS 0xe4

extern const char syscall_stub[], xstate_save_stub[], xstate_load_stub[], xstate_save_ud[],
	xstate_load_ud[];

/* In trap_entry.S. */
int64_t user_enter(struct cpu *cpu, const struct trap_frame *frame);
_Noreturn void user_leave(struct cpu *cpu, int64_t result);

static uint64_t in_stub(const struct cpu *cpu, const char *label)
{
	return (uint64_t)cpu + CPU_AREA_STUB + (label - syscall_stub);
}

/* The window's page table stays once it is there, so the entry is found again at once. */
static void set_window(struct cpu *cpu, uint64_t gpa, uint64_t flags)
{
	const uint64_t gva = WINDOW(cpu);

	if (!cpu->xstate_entry) {
		paging_map(kernel_pml4, gva, gpa, flags);
		cpu->xstate_entry = paging_entry(kernel_pml4, gva);
	} else {
		*cpu->xstate_entry = gpa | flags | PTE_ACCESSED_DIRTY;
	}
	tlb_flush_page(gva);
}

static void visit_user_mode(struct cpu *cpu, uint64_t gpa, const char *stub)
{
	const struct trap_frame frame = {.rip = in_stub(cpu, stub),
					 .cs = USER_CS,
					 .rflags = 2,
					 .ss = USER_DS,
					 .rdi = WINDOW(cpu),
					 .rax = COMPONENTS};

	if (!cpu->stub_open)
		cpu_syscall_stays_in_user();
	set_window(cpu, gpa, PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_NX);
	user_enter(cpu, &frame);
	set_window(cpu, gpa, PTE_NX);
}

void xstate_save(struct task *task)
{
	if (!syscall_stays_in_user())
		return;
	if (!task->xstate)
		task->xstate = page_alloc(0, PAGE_ZEROED | PAGE_ATOMIC);
	if (task->xstate) /* else its next load finds clean registers: worse than saved, better than dead */
		visit_user_mode(cpu_this(), page_gpa(task->xstate), xstate_save_stub);
}

void xstate_load(struct task *task)
{
	if (syscall_stays_in_user() && task->xstate)
		visit_user_mode(cpu_this(), page_gpa(task->xstate), xstate_load_stub);
}

void xstate_forget(struct task *task)
{
	if (task->xstate)
		page_put(task->xstate);
	task->xstate = NULL;
}

bool xstate_is_under_way(void)
{
	return cpu_this()->leave_rsp != 0;
}

void xstate_end(const struct trap_frame *frame)
{
	struct cpu *cpu = cpu_this();

	if (cpu->leave_rsp && (frame->rip == in_stub(cpu, xstate_save_ud) ||
			       frame->rip == in_stub(cpu, xstate_load_ud)))
		user_leave(cpu, 0);
}
