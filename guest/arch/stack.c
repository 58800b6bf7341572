/* SPDX-License-Identifier: MIT
 *
 * Stacks come and go with every fork, so a few stay mapped for the next one.
 */
#include "guest/arch/stack.h"

#include "guest/arch/cpu.h"
#include "guest/arch/spinlock.h"
#include "guest/arch/tlb.h"
#include "guest/mm/frame.h"
#include "guest/mm/page.h"
#include "guest/mm/paging.h"
#include "guest/sched/task.h"

#define KEPT_MAX 16
#define PAGES (STACK_BYTES / PAGE_BYTES)

static struct spinlock lock;
static uint64_t kept[KEPT_MAX]; /* mapped, nobody's */
static unsigned kept_count;
static uint32_t unmapped_slots; /* 1 + the first of a list through next_slot[]; 0: none */
static uint16_t next_slot[STACKS_MAX];
static uint32_t fresh_slots; /* from this one on, none was ever used */

static uint64_t slot_address(uint32_t slot)
{
	return STACKS_BASE + (uint64_t)slot * 2 * STACK_BYTES + STACK_BYTES;
}

static uint32_t slot_of(uint64_t stack)
{
	return (stack - STACKS_BASE) / (2 * STACK_BYTES);
}

/* A slot that is not mapped; STACKS_MAX: there is none. */
static uint32_t take_slot(void)
{
	const uint64_t flags = spin_lock(&lock);
	uint32_t slot = STACKS_MAX;

	if (unmapped_slots) {
		slot = unmapped_slots - 1;
		unmapped_slots = next_slot[slot];
	} else if (fresh_slots < STACKS_MAX) {
		slot = fresh_slots++;
	}
	spin_unlock(&lock, flags);
	return slot;
}

static void give_slot(uint32_t slot)
{
	const uint64_t flags = spin_lock(&lock);

	next_slot[slot] = unmapped_slots;
	unmapped_slots = slot + 1;
	spin_unlock(&lock, flags);
}

static void unmap(uint64_t stack, unsigned pages)
{
	uint64_t gpa[PAGES];

	for (unsigned i = 0; i < pages; i++)
		gpa[i] = paging_unmap(kernel_pml4, stack + i * PAGE_BYTES);
	tlb_flush_kernel(stack, stack + (uint64_t)pages * PAGE_BYTES);
	for (unsigned i = 0; i < pages; i++)
		frame_free(gpa[i]);
	page_count(kernel_stacks, -(uint64_t)pages);
	give_slot(slot_of(stack));
}

static uint64_t map(void)
{
	const uint32_t slot = take_slot();
	const uint64_t stack = slot_address(slot);

	if (slot == STACKS_MAX)
		return 0;
	for (unsigned i = 0; i < PAGES; i++) {
		const uint64_t frame = frame_alloc();

		if (!frame ||
		    !paging_map(kernel_pml4, stack + i * PAGE_BYTES, frame, PTE_WRITE | PTE_NX)) {
			if (frame)
				frame_free(frame);
			unmap(stack, i);
			return 0;
		}
		page_count(kernel_stacks, 1);
	}
	return stack;
}

uint64_t stack_create(struct task *task)
{
	uint64_t stack = 0;
	const uint64_t flags = spin_lock(&lock);

	if (kept_count)
		stack = kept[--kept_count];
	spin_unlock(&lock, flags);
	if (!stack)
		stack = map();
	if (stack)
		((struct stack_base *)stack)->task = task;
	return stack;
}

void stack_free(uint64_t stack)
{
	const uint64_t flags = spin_lock(&lock);
	const bool keep = kept_count < KEPT_MAX;

	if (keep)
		kept[kept_count++] = stack;
	spin_unlock(&lock, flags);
	if (!keep)
		unmap(stack, PAGES);
}

void stack_adopt(struct task *task)
{
	stack_base_this()->task = task;
	cpu_this()->base.task = task;
	task->kernel_stack = (uint64_t)stack_base_this();
}

uint64_t stack_frame_count(void)
{
	return __atomic_load_n(&page_counters.kernel_stacks, __ATOMIC_RELAXED);
}
