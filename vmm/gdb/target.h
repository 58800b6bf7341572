/* SPDX-License-Identifier: MIT
 *
 * What the stub needs from the thing it debugs. target_vm.c is the real one; tests bring their own.
 *
 * Everything is called from the loop's thread. All but pause() are called only while the target
 * stands. cpu is below cpu_count(). 0 or -errno where an int is returned.
 */
#ifndef VITRINE_GDB_TARGET_H
#define VITRINE_GDB_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gdb/registers.h"
#include "kvm/vcpu.h"

#define GDB_CPU_MAX 256
#define GDB_ALL_CPUS (-1)

struct gdb_target_ops {
	unsigned (*cpu_count)(void *ctx);
	/* No int3 in ring 0, no watchpoints, no debugging of ring 3: deprivileged KVM. */
	bool (*is_deprivileged)(void *ctx);
	int (*get_registers)(void *ctx, unsigned cpu, struct gdb_registers *regs);
	int (*set_registers)(void *ctx, unsigned cpu, const struct vcpu_registers *regs);
	int (*translate)(void *ctx, unsigned cpu, uint64_t gva, uint64_t *gpa);
	/* The span never crosses a 4 KiB page. */
	int (*read)(void *ctx, uint64_t gpa, void *bytes, size_t length);
	int (*write)(void *ctx, uint64_t gpa, const void *bytes, size_t length);
	int (*set_debug)(void *ctx, unsigned cpu, const struct vcpu_debug *debug);
	const char *(*activity)(void *ctx, unsigned cpu); /* "running", "halted", … */
	const struct vcpu_counters *(*counters)(void *ctx, unsigned cpu); /* may be NULL */
	void (*pause)(void *ctx);
	void (*resume)(void *ctx, int only); /* a CPU's index or GDB_ALL_CPUS */
	void (*kill)(void *ctx);	     /* asks for the end of the VM */
};

struct gdb_target {
	const struct gdb_target_ops *ops;
	void *ctx;
};

#endif
