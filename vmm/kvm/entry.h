/* SPDX-License-Identifier: MIT
 *
 * The first state of a boot processor, as the entry protocols of kernels demand it. Made by boot/.
 */
#ifndef VITRINE_KVM_ENTRY_H
#define VITRINE_KVM_ENTRY_H

#include <stdint.h>

enum boot_mode { BOOT_MODE_REAL16, BOOT_MODE_PROTECTED32, BOOT_MODE_LONG64 };

/* Everything not named here is as the entry protocol of the mode says (flat segments from the boot
 * GDT; LONG64: page tables at cr3, paging on; REAL16: the reset state). */
struct boot_entry {
	enum boot_mode mode;
	uint64_t rip;
	uint64_t rsp;
	uint64_t rbx;	  /* PVH: hvm_start_info */
	uint64_t rsi;	  /* Linux 64-bit: boot_params */
	uint64_t cr3;	  /* LONG64 */
	uint64_t gdt_gpa; /* PROTECTED32, LONG64: the boot GDT */
	uint16_t gdt_limit;
	uint16_t code_selector;
	uint16_t data_selector;
	uint16_t tss_selector; /* PROTECTED32 */
};

#endif
