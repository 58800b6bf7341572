/* SPDX-License-Identifier: MIT
 *
 * The hypercall contract between Vitrine and a paravirtual guest.
 *
 * The VMM fills one page of guest memory (its address stands in the FDT node /hypervisor) with
 * code; the guest calls into it and never knows how the VM is left. The page has one entry point
 * per *kind* of call, each HYPERCALL_ENTRY_BYTES apart:
 *
 *     +0x000  HYPERCALL_ENTRY_VMM       served by the VMM: port write, registers shared
 *     +0x040  HYPERCALL_ENTRY_DOORBELL  no result, no return to userspace: an ioeventfd
 *     +0x080  HYPERCALL_ENTRY_KVM       served by KVM itself: vmcall / vmmcall, or -ENOSYS code
 *     +0xfc0  struct hypercall_page_header
 *
 * Calling convention of the VMM and KVM entries (a near call in ring 0, 64-bit mode):
 *     VMM: rax number; rdi, rsi, rdx, r10 arguments; result in rax; clobbers rcx, r11.
 *     KVM: rax number; rbx, rcx, rdx, rsi arguments; result in rax (KVM's own convention).
 *     DOORBELL: edi doorbell number; clobbers rax, rdx.
 * Results are >= 0 or a negative errno of Linux.
 */
#ifndef VITRINE_ABI_HYPERCALL_H
#define VITRINE_ABI_HYPERCALL_H

#define HYPERCALL_ENTRY_BYTES 0x40
#define HYPERCALL_ENTRY_VMM 0x000
#define HYPERCALL_ENTRY_DOORBELL 0x040
#define HYPERCALL_ENTRY_KVM 0x080
#define HYPERCALL_HEADER_OFFSET 0xfc0

/* I/O ports behind the page; guests use the page, the tracer uses these to name an exit. */
#define HYPERCALL_PORT 0x700	 /* 32-bit write: a VMM hypercall */
#define HYPERCALL_DOORBELL 0x704 /* 32-bit write: doorbell number */

#define HYPERCALL_MAGIC 0x65726956u /* "Vire" */
#define HYPERCALL_ABI_VERSION 1u

/* Numbers of the VMM entry. */
enum hypercall_number {
	HYPERCALL_FEATURES = 0,	     /* () -> mask of HYPERCALL_FEATURE_* */
	HYPERCALL_CONSOLE_WRITE = 1, /* (gpa, len_bytes) -> bytes written; len <= CONSOLE_MAX */
	HYPERCALL_YIELD = 2,	/* () -> 0; gives the rest of the vCPU's host time slice away */
	HYPERCALL_EXIT = 3,	/* (status): ends the VM like a write of status to port 0xF4 */
	HYPERCALL_POWEROFF = 4, /* (): clean power-off */
	HYPERCALL_PANIC = 5,	/* (): the guest has panicked; exit status 12 */
	HYPERCALL_DOORBELL_COUNT = 6, /* (doorbell) -> how often the VMM has seen it rung */
	/* (gpa, room) -> how many counters there are: this VM's exits so far, the first room of them as an
	 * array of struct hypercall_counter */
	HYPERCALL_COUNTERS = 7,
	/* (gpa, count) -> count: serves an array of struct hypercall_call in its order, one exit for all.
	 * Inside, this one, COUNTERS and TRACE are -ENOSYS. */
	HYPERCALL_MULTICALL = 8,
	HYPERCALL_TRACE = 9, /* (gpa, len_bytes) -> records shown: abi/syscall_trace.h */
	HYPERCALL_COUNT
};

#define HYPERCALL_CONSOLE_MAX 4096u
#define HYPERCALL_DOORBELL_MAX 4u /* doorbells 0 .. 3 */
#define HYPERCALL_COUNTERS_MAX 64u
#define HYPERCALL_MULTICALL_MAX 64u

#define HYPERCALL_FEATURE_CONSOLE (1u << 0)
#define HYPERCALL_FEATURE_YIELD (1u << 1)
#define HYPERCALL_FEATURE_EXIT (1u << 2)
#define HYPERCALL_FEATURE_DOORBELL (1u << 3)
#define HYPERCALL_FEATURE_KVM_ENTRY (1u << 4) /* the KVM entry really is vmcall or vmmcall */
#define HYPERCALL_FEATURE_COUNTERS (1u << 5)
#define HYPERCALL_FEATURE_MULTICALL (1u << 6)
#define HYPERCALL_FEATURE_TRACE (1u << 7) /* the VMM wants to hear of system calls */

#ifndef __ASSEMBLER__
#include <stdint.h>

struct hypercall_page_header {
	uint32_t magic;	      /* HYPERCALL_MAGIC */
	uint32_t abi_version; /* HYPERCALL_ABI_VERSION */
	uint32_t features;    /* HYPERCALL_FEATURE_*, the same as HYPERCALL_FEATURES returns */
	uint32_t reserved;
};

_Static_assert(sizeof(struct hypercall_page_header) == 16, "hypercall page header");

/* One row of HYPERCALL_COUNTERS. Names are the VMM's ("total", "io", "userspace"): docs/paravirtual.md. */
struct hypercall_counter {
	char name[24]; /* NUL-terminated */
	uint64_t value;
};

_Static_assert(sizeof(struct hypercall_counter) == 32, "hypercall counter");

/* One call of HYPERCALL_MULTICALL; all fields but result are the guest's. */
struct hypercall_call {
	uint64_t number;
	uint64_t argument[4]; /* rdi, rsi, rdx, r10 of a call by itself */
	int64_t result;
};

_Static_assert(sizeof(struct hypercall_call) == 48, "hypercall call");
#endif

#endif
