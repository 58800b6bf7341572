/* SPDX-License-Identifier: MIT
 *
 * The registers of a vCPU by gdb's numbers: the amd64 layout that gdb knows, then the registers of
 * segmentation, paging and descriptor tables. The same order stands in gdb_target_xml.
 */
#ifndef VITRINE_GDB_REGISTERS_H
#define VITRINE_GDB_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm/vcpu.h"

struct gdb_registers {
	struct vcpu_registers general;
	struct vcpu_system_registers system;
};

/* What gdb reads as qXfer:features:read:target.xml. */
extern const char gdb_target_xml[];

unsigned gdb_register_count(void);

/* Width of a register; 0: there is none of this number. */
unsigned gdb_register_bytes(unsigned number);

/* False: its value is not available (the FPU's and SSE's). */
bool gdb_register_get(const struct gdb_registers *regs, unsigned number, uint64_t *value);

/* Only general registers can be changed: 0, or -EROFS if value differs from what is there. */
int gdb_register_set(struct gdb_registers *regs, unsigned number, uint64_t value);

#endif
