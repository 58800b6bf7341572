/* SPDX-License-Identifier: MIT
 *
 * One processor without page tables of its own: what tests may look at instead.
 */
#include "guest/arch/cpu.h"

#include "guest/arch/insn.h"
#include "guest/arch/tlb.h"
#include "guest/mm/paging.h"
#include "tests/kernel/host.h"

uint64_t host_rflags = RFLAGS_IF, host_cr2, host_cr3;
unsigned host_spinlocks_held, host_tlb_page_flushes, host_cr3_loads, host_tlb_flushes;
struct cpu_features cpu_features;
struct cpu host_cpu = {.online = true};
uint64_t kernel_pml4[512] __attribute__((aligned(PAGE_BYTES)));
uint64_t direct_pdpt[512], low_pd[512], image_pd[512];
const uint64_t image_pt[512];

void tlb_flush_range(struct space *space, uint64_t start_gva, uint64_t end_gva)
{
	(void)space;
	if (start_gva >= end_gva)
		abort();
	host_tlb_flushes++;
}

void tlb_flush_kernel(uint64_t start_gva, uint64_t end_gva)
{
	tlb_flush_range(NULL, start_gva, end_gva);
}
