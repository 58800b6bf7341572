/* SPDX-License-Identifier: MIT
 *
 * The news that a page has come is an interrupt of the CPU that missed it, and that CPU's interrupts are off
 * from the fault until its task is in the list: so nobody's news comes too early.
 */
#include "guest/hyper/async_pf.h"

#include <stddef.h>

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/trap.h"
#include "guest/hyper/features.h"
#include "guest/hyper/hypervisor.h"
#include "guest/sched/wait.h"

#define MSR_KVM_ASYNC_PF_EN 0x4b564d02
#define MSR_KVM_ASYNC_PF_INT 0x4b564d06
#define MSR_KVM_ASYNC_PF_ACK 0x4b564d07
#define ASYNC_PF_ENABLE 1
#define ASYNC_PF_BY_INTERRUPT 8
#define TOKEN_ALL 0xffffffff /* whatever anybody waits for has come */

struct missing {
	struct list link;
	uint32_t token;
	bool came;
};

static struct spinlock lock;
static struct list missing = LIST_EMPTY(missing);
static struct waitq news = WAITQ_EMPTY(news);

static void page_came(unsigned vector)
{
	struct async_pf *state = &cpu_this()->async_pf;
	const uint32_t token = state->ready;

	(void)vector;
	spin_take(&lock);
	list_for_each(link, &missing)
	{
		struct missing *page = container_of(link, struct missing, link);

		if (page->token == token || token == TOKEN_ALL)
			__atomic_store_n(&page->came, true, __ATOMIC_RELEASE);
	}
	spin_release(&lock);
	waitq_wake(&news);
	__atomic_store_n(&state->ready, 0, __ATOMIC_RELEASE);
	msr_write(MSR_KVM_ASYNC_PF_ACK, 1);
}

void async_pf_start(struct cpu *cpu, uint32_t features)
{
	const uint32_t needed = KVM_FEATURE_ASYNC_PF | KVM_FEATURE_ASYNC_PF_INT;

	if (!pv_use(PV_ASYNC_PF, (features & needed) == needed))
		return;
	trap_set_handler(VECTOR_PAGE_CAME, page_came);
	msr_write(MSR_KVM_ASYNC_PF_INT, VECTOR_PAGE_CAME);
	msr_write(MSR_KVM_ASYNC_PF_EN, (cpu->gpa + offsetof(struct cpu, async_pf)) |
					       ASYNC_PF_ENABLE | ASYNC_PF_BY_INTERRUPT);
}

bool async_pf_was(struct cpu *cpu)
{
	struct missing page = {.came = false};

	if (!cpu->async_pf.not_present)
		return false;
	page.token = (uint32_t)cr2_read();
	cpu->async_pf.not_present = 0;
	spin_take(&lock);
	list_add_last(&missing, &page.link);
	spin_release(&lock);
	pv_counted(PV_ASYNC_PF);
	irq_enable();
	wait_uninterruptible(&news, __atomic_load_n(&page.came, __ATOMIC_ACQUIRE));
	irq_disable();
	spin_take(&lock);
	list_remove(&page.link);
	spin_release(&lock);
	return true;
}
