/* SPDX-License-Identifier: MIT
 *
 * Breakpoints and watchpoints of one debugging session: int3 written into guest memory, or one of the
 * four debug registers. And guest memory as gdb is to see it: by virtual address, without the int3.
 */
#ifndef VITRINE_GDB_BREAKPOINT_H
#define VITRINE_GDB_BREAKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gdb/target.h"

#define GDB_BREAKPOINT_MAX 256

/* The numbers of the packets Z0 to Z4. */
enum gdb_breakpoint_type {
	GDB_BREAK_SOFTWARE,
	GDB_BREAK_HARDWARE,
	GDB_WATCH_WRITE,
	GDB_WATCH_READ, /* x86 can only watch reads and writes together */
	GDB_WATCH_ACCESS,
	GDB_BREAKPOINT_TYPES
};

struct gdb_breakpoint {
	bool used;
	enum gdb_breakpoint_type type;
	uint64_t gva;
	unsigned len_bytes;
	int slot; /* the debug register, or -1: int3 in memory */
	uint64_t gpa;
	uint8_t saved; /* the byte under the int3 */
};

struct gdb_breakpoints {
	struct gdb_breakpoint entry[GDB_BREAKPOINT_MAX];
};

/* A software breakpoint becomes a hardware one where int3 can't be used (deprivileged KVM, firmware).
 * gva is seen by the vCPU's page tables. Inserting twice is fine. 0; -EFAULT (not mapped), -ENOSPC (all
 * debug registers taken, or too many), -EINVAL (a watchpoint that x86 doesn't have). */
int gdb_breakpoint_insert(struct gdb_breakpoints *all, const struct gdb_target *target,
			  unsigned cpu, enum gdb_breakpoint_type type, uint64_t gva,
			  uint64_t len_bytes);

/* Removing what is not there is fine. */
void gdb_breakpoint_remove(struct gdb_breakpoints *all, const struct gdb_target *target,
			   enum gdb_breakpoint_type type, uint64_t gva);
void gdb_breakpoints_remove_all(struct gdb_breakpoints *all, const struct gdb_target *target);

/* The guest's memory is gone (reset): so are the software breakpoints in it. */
void gdb_breakpoints_forget_software(struct gdb_breakpoints *all);

/* What a vCPU's debug registers must hold; the rest of *debug is zeroed. */
void gdb_breakpoints_fill_debug(const struct gdb_breakpoints *all, struct vcpu_debug *debug);

/* The breakpoint that made the vCPU stop; NULL: none of ours. */
const struct gdb_breakpoint *gdb_breakpoint_of_stop(const struct gdb_breakpoints *all,
						    const struct gdb_target *target, unsigned cpu,
						    const struct vcpu_debug_stop *stop);

/* Guest memory from gva on, as far as it is mapped and RAM (or firmware: reads): bytes copied. */
size_t gdb_memory_read(const struct gdb_breakpoints *all, const struct gdb_target *target,
		       unsigned cpu, uint64_t gva, void *bytes, size_t length);
size_t gdb_memory_write(struct gdb_breakpoints *all, const struct gdb_target *target, unsigned cpu,
			uint64_t gva, const void *bytes, size_t length);

#endif
