/* SPDX-License-Identifier: MIT
 *
 * Something for the gdb stub to debug without KVM: two vCPUs that know four instructions, 64 KiB of
 * memory mapped at FAKE_BASE, and x86's rules for debug stops. Runs only when fake_run() is called.
 *
 *     90 nop      c3 (a write of al to FAKE_WATCHED)      cc int3      anything else: jump to FAKE_BASE
 */
#ifndef VITRINE_TESTS_FAKE_GDB_TARGET_H
#define VITRINE_TESTS_FAKE_GDB_TARGET_H

#include <errno.h>
#include <string.h>

#include "gdb/session.h"

#define FAKE_BASE 0xffffffff80000000ull
#define FAKE_BYTES 0x10000
#define FAKE_GPA 0x100000
#define FAKE_ROM_OFFSET 0xf000 /* the last page can't be written */
#define FAKE_WATCHED (FAKE_BASE + 0x2000)
#define FAKE_CPUS 2

struct fake_target {
	struct gdb_session *session;
	uint8_t memory[FAKE_BYTES];
	struct gdb_registers regs[FAKE_CPUS];
	struct vcpu_debug debug[FAKE_CPUS];
	bool deprivileged;
	bool running;
	bool killed;
	int only;
	unsigned pauses, resumes;
	unsigned injected[FAKE_CPUS];
};

static unsigned fake_cpu_count(void *ctx)
{
	(void)ctx;
	return FAKE_CPUS;
}

static bool fake_is_deprivileged(void *ctx)
{
	return ((struct fake_target *)ctx)->deprivileged;
}

static int fake_get_registers(void *ctx, unsigned cpu, struct gdb_registers *regs)
{
	*regs = ((struct fake_target *)ctx)->regs[cpu];
	return 0;
}

static int fake_set_registers(void *ctx, unsigned cpu, const struct vcpu_registers *regs)
{
	((struct fake_target *)ctx)->regs[cpu].general = *regs;
	return 0;
}

static int fake_translate(void *ctx, unsigned cpu, uint64_t gva, uint64_t *gpa)
{
	(void)ctx;
	(void)cpu;
	if (gva - FAKE_BASE >= FAKE_BYTES)
		return -EFAULT;
	*gpa = gva - FAKE_BASE + FAKE_GPA;
	return 0;
}

static int fake_read(void *ctx, uint64_t gpa, void *bytes, size_t length)
{
	uint64_t offset = gpa - FAKE_GPA;

	if (offset >= FAKE_BYTES || length > FAKE_BYTES - offset)
		return -EFAULT;
	memcpy(bytes, ((struct fake_target *)ctx)->memory + offset, length);
	return 0;
}

static int fake_write(void *ctx, uint64_t gpa, const void *bytes, size_t length)
{
	uint64_t offset = gpa - FAKE_GPA;

	if (offset >= FAKE_BYTES || length > FAKE_BYTES - offset)
		return -EFAULT;
	if (offset >= FAKE_ROM_OFFSET)
		return -EROFS;
	memcpy(((struct fake_target *)ctx)->memory + offset, bytes, length);
	return 0;
}

static int fake_set_debug(void *ctx, unsigned cpu, const struct vcpu_debug *debug)
{
	struct fake_target *fake = ctx;

	fake->debug[cpu] = *debug;
	if (debug->inject) { /* the guest's handler returns behind its int3 */
		fake->injected[cpu]++;
		fake->regs[cpu].general.rip += debug->inject == 3;
	}
	return 0;
}

static const char *fake_activity(void *ctx, unsigned cpu)
{
	(void)ctx;
	return cpu ? "halted" : "running";
}

static const struct vcpu_counters *fake_counters(void *ctx, unsigned cpu)
{
	(void)ctx;
	(void)cpu;
	return NULL;
}

static void fake_pause(void *ctx)
{
	struct fake_target *fake = ctx;

	fake->running = false;
	fake->pauses++;
}

static void fake_resume(void *ctx, int only)
{
	struct fake_target *fake = ctx;

	fake->running = true;
	fake->only = only;
	fake->resumes++;
}

static void fake_kill(void *ctx)
{
	((struct fake_target *)ctx)->killed = true;
}

/* A debug register that matches, or -1. */
static inline int fake_hit(const struct vcpu_debug *debug, bool is_execute, uint64_t gva)
{
	for (int slot = 0; slot < VCPU_HW_BREAKPOINT_MAX; slot++)
		if (debug->enabled && debug->hw[slot].used && debug->hw[slot].gva == gva &&
		    (debug->hw[slot].kind == VCPU_WATCH_EXECUTE) == is_execute)
			return slot;
	return -1;
}

static inline bool fake_stop(struct fake_target *fake, unsigned cpu, unsigned exception,
			     uint64_t dr6)
{
	struct vcpu_debug_stop stop = {
		.rip = fake->regs[cpu].general.rip, .exception = exception, .dr6 = dr6};

	gdb_session_post_stop(fake->session, cpu, &stop);
	return true;
}

/* One instruction; true if the vCPU stopped. */
static inline bool fake_step(struct fake_target *fake, unsigned cpu)
{
	struct vcpu_registers *regs = &fake->regs[cpu].general;
	struct vcpu_debug *debug = &fake->debug[cpu];
	int slot = fake_hit(debug, true, regs->rip);
	uint8_t opcode = fake->memory[(regs->rip - FAKE_BASE) % FAKE_BYTES];

	if (slot >= 0)
		return fake_stop(fake, cpu, 1, 1ull << slot);
	if (opcode == 0xcc)
		return fake_stop(fake, cpu, 3, 0);
	slot = -1;
	if (opcode == 0xc3) {
		fake->memory[FAKE_WATCHED - FAKE_BASE] = (uint8_t)++regs->rax;
		slot = fake_hit(debug, false, FAKE_WATCHED);
	}
	regs->rip = opcode == 0x90 || opcode == 0xc3 ? regs->rip + 1 : FAKE_BASE;
	if (slot >= 0)
		return fake_stop(fake, cpu, 1, 1ull << slot);
	return debug->single_step && fake_stop(fake, cpu, 1, 1 << 14);
}

/* Runs what gdb let run, for at most so many instructions per vCPU. */
static inline void fake_run(struct fake_target *fake, unsigned instructions)
{
	for (unsigned i = 0; fake->running && i < instructions; i++)
		for (unsigned cpu = 0; fake->running && cpu < FAKE_CPUS; cpu++) {
			if (fake->only != GDB_ALL_CPUS && fake->only != (int)cpu)
				continue;
			if (fake_step(fake, cpu))
				gdb_session_settle(fake->session);
		}
}

static inline struct gdb_target fake_target_init(struct fake_target *fake,
						 struct gdb_session *session)
{
	static const struct gdb_target_ops ops = {
		.cpu_count = fake_cpu_count,
		.is_deprivileged = fake_is_deprivileged,
		.get_registers = fake_get_registers,
		.set_registers = fake_set_registers,
		.translate = fake_translate,
		.read = fake_read,
		.write = fake_write,
		.set_debug = fake_set_debug,
		.activity = fake_activity,
		.counters = fake_counters,
		.pause = fake_pause,
		.resume = fake_resume,
		.kill = fake_kill,
	};

	memset(fake, 0, sizeof(*fake));
	memset(fake->memory, 0x90, sizeof(fake->memory));
	fake->memory[0x800] = 0xeb; /* the loop's end */
	fake->memory[0x400] = 0xc3;
	fake->session = session;
	for (unsigned cpu = 0; cpu < FAKE_CPUS; cpu++)
		fake->regs[cpu] = (struct gdb_registers){
			.general = {.rax = 0x1122334455667700,
				    .rip = FAKE_BASE + 0x10 * cpu,
				    .rsp = FAKE_BASE + 0x8000,
				    .rflags = 0x46},
			.system = {.cs.selector = 8,
				   .cr0 = 0x80000011,
				   .cr3 = 0x1234000,
				   .cr4 = 0x20,
				   .efer = 0xd01,
				   .gs.base = 0xffff888000001000},
		};
	return (struct gdb_target){.ops = &ops, .ctx = fake};
}

#endif
