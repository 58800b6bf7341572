/* SPDX-License-Identifier: MIT
 *
 * One processor: its area (mm/layout.h), its tables, what it counts, and which features all share.
 */
#ifndef GUEST_ARCH_CPU_H
#define GUEST_ARCH_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/arch/segments.h"
#include "guest/arch/stack.h"
#include "guest/hyper/async_pf.h"
#include "guest/hyper/pvclock.h"
#include "guest/hyper/steal.h"
#include "guest/mm/layout.h"

struct tss {
	uint32_t reserved0;
	uint64_t rsp0, rsp1, rsp2;
	uint64_t reserved1;
	uint64_t ist[7]; /* ist[0] is IST 1 */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map;
} __attribute__((packed));

struct run_queue;

/* At the start of its area. Written by its own CPU only, except where noted. */
struct cpu {
	struct stack_base base; /* task: the running one, for others to see */
	uint64_t user_rsp;	/* scratch of the system call stub */
	uint64_t kernel_rsp;	/* where the stub goes on; always equal to tss.rsp0 */
	uint64_t leave_rsp;	/* of the innermost user_enter() */
	uint64_t gdt[GDT_ENTRIES];
	struct tss tss;
	struct pvclock
		pvclock; /* written by the hypervisor; the first CPU's is in the vDSO's page */
	struct steal_time steal;
	struct async_pf async_pf;
	uint32_t eoi_done; /* bit 0: the hypervisor needs to hear of no end of this interrupt */
	const struct pvclock *clock; /* of these the one that is in use */
	uint64_t gpa;		     /* of this structure */
	uint32_t index;
	uint32_t apic_id;
	bool online; /* set once by its CPU, read by all */
	bool booted_by_ipi;
	bool reschedule; /* somebody else should run here; set under the lock of the queue */
	struct run_queue *queue;
	uint64_t tick_count; /* timer interrupts */
	uint64_t trap_count;
	bool stub_open;		/* the stub is executable in user mode */
	uint64_t *xstate_entry; /* page table entry of the window of xstate.c */
	struct task *fpu_owner; /* whose FPU registers were loaded last */
	bool tlb_asked;		/* by another CPU: tlb.c */
};

/* What CPUID says, read once; the same on all CPUs. */
struct cpu_features {
	bool large_gib_pages, x2apic, tsc_deadline, smep, smap, umip;
	uint32_t hypervisor_max_leaf; /* 0: no hypervisor */
	char hypervisor_signature[13];
};
extern struct cpu_features cpu_features;

static inline struct cpu *cpu_at(unsigned index)
{
	return (struct cpu *)(CPU_AREA_BASE + (uint64_t)index * CPU_AREA_BYTES);
}

/* The running CPU; with interrupts on it may be another one a moment later. Not on the boot stack. */
static inline struct cpu *cpu_this(void)
{
	return stack_base_this()->cpu;
}

static inline uint64_t cpu_stack_top(const struct cpu *cpu)
{
	return (uint64_t)cpu + CPU_AREA_BYTES;
}

/* Reads cpu_features. First of all. */
void cpu_features_read(void);

/* Loads the IDT: from here on exceptions are reported. */
void cpu_load_idt(void);

/* Maps the area of CPU index and fills in its GDT and TSS; by the boot processor. NULL: no memory. */
struct cpu *cpu_create(unsigned index, uint32_t apic_id);

/* Makes the running processor use cpu's tables, and sets up syscall and protections. */
void cpu_load(struct cpu *cpu);

/* Where traps from user mode and system calls get their stack. */
void cpu_set_kernel_stack(struct cpu *cpu, uint64_t rsp);

/* Makes the system call stub executable in user mode on this CPU: the host leaves ring 3 in ring 3
 * on syscall (see trap_entry.S). */
void cpu_syscall_stays_in_user(void);

/* Goes to next on the stack that ends at top. Never returns. */
_Noreturn void cpu_switch_stack(uint64_t top, void (*next)(void));

/* Stops this processor for good. */
_Noreturn void cpu_halt(void);

#endif
