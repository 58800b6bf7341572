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
#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/mm/paging.h"
#include "guest/mm/user.h"
#include "guest/sched/task.h"

#define WINDOW(cpu) ((uint64_t)(cpu) + CPU_AREA_XSTATE)
/* AVX and AVX-512 (Intel SDM vol. 1 §13.1); fxsave has the rest. All of it fits a page. */
#define COMPONENTS 0xe4
#define COMPONENT_AVX 4
#define HEADER_BYTES 64
#define AVX_END 832	 /* of an xsave area: AVX has its place right behind the header */
#define AVX_512_END 2688 /* the highest of its places; some processors have it lower */

/* All components as they are at start: their bits in the header are 0. */
static const uint8_t clean[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES), section(".bss.clean")));

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

static bool visit_user_mode(uint64_t gpa, const char *stub)
{
	struct cpu *cpu = cpu_this();
	const uint64_t kernel_stack = cpu->kernel_rsp; /* user_enter() sets its own */
	bool done;
	const struct trap_frame frame = {.rip = in_stub(cpu, stub),
					 .cs = USER_CS,
					 .rflags = 2,
					 .ss = USER_DS,
					 .rdi = WINDOW(cpu),
					 .rax = COMPONENTS};

	if (!cpu->stub_open)
		cpu_syscall_stays_in_user();
	set_window(cpu, gpa, PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_NX);
	done = !user_enter(cpu, &frame);
	cpu_set_kernel_stack(cpu, kernel_stack);
	set_window(cpu, gpa, PTE_NX);
	return done;
}

/* xsave leaves the header's second half alone, so that is made what xrstor wants. */
static struct page *area_alloc(unsigned want)
{
	struct page *page = page_alloc(0, want);

	if (page)
		memset((uint8_t *)page_data(page) + XSTATE_HEADER, 0, HEADER_BYTES);
	return page;
}

void xstate_save(struct task *task)
{
	if (!syscall_stays_in_user())
		return;
	if (!task->xstate)
		task->xstate = area_alloc(PAGE_ATOMIC);
	if (task->xstate) /* else its next load finds clean registers: worse than saved, better than dead */
		visit_user_mode(page_gpa(task->xstate), xstate_save_stub);
}

void xstate_load(struct task *task)
{
	if (!syscall_stays_in_user())
		return;
	if (!task->xstate || !visit_user_mode(page_gpa(task->xstate), xstate_load_stub))
		visit_user_mode(image_gpa(clean), xstate_load_stub);
}

void xstate_reset(void)
{
	const uint64_t flags = irq_save();

	if (syscall_stays_in_user())
		visit_user_mode(image_gpa(clean), xstate_load_stub);
	irq_restore(flags);
}

const void *xstate_of_running(uint32_t *bytes)
{
	struct task *task = task_this();
	const uint64_t flags = irq_save();
	const uint64_t *header;

	xstate_save(task);
	irq_restore(flags);
	*bytes = 0;
	if (!task->xstate)
		return NULL;
	header = (uint64_t *)((uint8_t *)page_data(task->xstate) + XSTATE_HEADER);
	*bytes = (!(*header & COMPONENTS)		    ? XSTATE_HEADER + HEADER_BYTES
		  : (*header & COMPONENTS) == COMPONENT_AVX ? AVX_END
							    : AVX_512_END) -
		 XSTATE_HEADER;
	return header;
}

/* Into a page of its own, because switches meanwhile save to the task's. */
bool xstate_read_user(uint64_t gva, uint32_t bytes)
{
	struct page *page;
	uint64_t flags;
	bool loaded;

	if (!syscall_stays_in_user())
		return true;
	page = area_alloc(0);
	if (!page)
		return false;
	memset(page_data(page), 0, 64); /* MXCSR, which xrstor looks at too */
	if (bytes < HEADER_BYTES || bytes > XSTATE_BYTES_MAX ||
	    user_read((uint8_t *)page_data(page) + XSTATE_HEADER, gva, bytes)) {
		page_put(page);
		return false;
	}
	flags = irq_save();
	loaded = visit_user_mode(page_gpa(page), xstate_load_stub);
	irq_restore(flags);
	page_put(page);
	return loaded;
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

	if (!cpu->leave_rsp)
		return;
	if (frame->rip == in_stub(cpu, xstate_save_ud) ||
	    frame->rip == in_stub(cpu, xstate_load_ud))
		user_leave(cpu, 0);
	if (frame->rip == in_stub(cpu, xstate_load_stub))
		user_leave(cpu, -1);
}
