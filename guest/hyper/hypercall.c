/* SPDX-License-Identifier: MIT
 *
 * Calls into the hypercall page. What leaves the VM is the page's business.
 */
#include "guest/hyper/hypercall.h"

#include "guest/board/machine.h"
#include "guest/hyper/features.h"
#include "guest/mm/paging.h"

#define NO_SYSTEM_CALL (-38)

static bool available;
static uint32_t features;

void hypercall_init(void)
{
	const struct hypercall_page_header *header = (const void *)(WINDOW_HYPERCALL +
								    HYPERCALL_HEADER_OFFSET);

	if (!machine.hypercall_gpa ||
	    !paging_map(kernel_pml4, WINDOW_HYPERCALL, machine.hypercall_gpa, 0))
		return;
	if (header->magic != HYPERCALL_MAGIC || header->abi_version != HYPERCALL_ABI_VERSION)
		return;
	features = header->features;
	available = true;
	pv_use(PV_MULTICALL, features & HYPERCALL_FEATURE_MULTICALL);
	pv_use(PV_DOORBELL, features & HYPERCALL_FEATURE_DOORBELL);
}

bool hypercall_available(void)
{
	return available;
}

uint32_t hypercall_features(void)
{
	return features;
}

int64_t hypercall(enum hypercall_number number, uint64_t a, uint64_t b)
{
	int64_t result = number;

	if (!available)
		return NO_SYSTEM_CALL;
	asm volatile("xorl %%r10d, %%r10d; call *%[entry]"
		     : "+a"(result)
		     : [entry] "r"(WINDOW_HYPERCALL + HYPERCALL_ENTRY_VMM), "D"(a), "S"(b),
		       "d"(0ull)
		     : "rcx", "r10", "r11", "memory", "cc");
	return result;
}

void hypercall_batch(struct hypercall_call *call, unsigned count)
{
	const uint64_t gpa = (uint64_t)call - DIRECT_BASE;
	unsigned done = 0;

	while (pv_is_on(PV_MULTICALL) && done < count) {
		const unsigned left = count - done, part = left < HYPERCALL_MULTICALL_MAX
								   ? left
								   : HYPERCALL_MULTICALL_MAX;

		if (hypercall(HYPERCALL_MULTICALL, gpa + done * sizeof(*call), part) < 0)
			break;
		pv_counted(PV_MULTICALL);
		done += part;
	}
	for (; done < count; done++)
		call[done].result = hypercall(call[done].number, call[done].argument[0],
					      call[done].argument[1]);
}

void hypercall_doorbell(uint32_t number)
{
	if (!pv_is_on(PV_DOORBELL))
		return;
	pv_counted(PV_DOORBELL);
	asm volatile("call *%[entry]"
		     :
		     : [entry] "r"(WINDOW_HYPERCALL + HYPERCALL_ENTRY_DOORBELL), "D"(number)
		     : "rax", "rdx", "memory", "cc");
}

int64_t hypercall_kvm(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	int64_t result = (int64_t)number;

	if (!(features & HYPERCALL_FEATURE_KVM_ENTRY))
		return NO_SYSTEM_CALL;
	asm volatile("call *%[entry]"
		     : "+a"(result)
		     : [entry] "r"(WINDOW_HYPERCALL + HYPERCALL_ENTRY_KVM), "b"(a), "c"(b), "d"(c),
		       "S"(d)
		     : "memory", "cc");
	return result;
}
