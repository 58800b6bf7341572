/* SPDX-License-Identifier: MIT
 *
 * Forwards each wish of the stub to vm.h and vcpu.h.
 */
#include "gdb/target_vm.h"

#include "bus/vm_control.h"
#include "kvm/vm.h"

static unsigned cpu_count(void *vm)
{
	return vm_vcpu_count(vm);
}

static bool is_deprivileged(void *vm)
{
	return vm_is_deprivileged(vm);
}

static int get_registers(void *vm, unsigned cpu, struct gdb_registers *regs)
{
	int err = vcpu_get_registers(vm_vcpu(vm, cpu), &regs->general);

	return err ? err : vcpu_get_system_registers(vm_vcpu(vm, cpu), &regs->system);
}

static int set_registers(void *vm, unsigned cpu, const struct vcpu_registers *regs)
{
	return vcpu_set_registers(vm_vcpu(vm, cpu), regs);
}

static int translate(void *vm, unsigned cpu, uint64_t gva, uint64_t *gpa)
{
	return vcpu_translate(vm_vcpu(vm, cpu), gva, gpa);
}

static int read_memory(void *vm, uint64_t gpa, void *bytes, size_t length)
{
	return vm_debug_read(vm, gpa, bytes, length);
}

static int write_memory(void *vm, uint64_t gpa, const void *bytes, size_t length)
{
	return vm_debug_write(vm, gpa, bytes, length);
}

static int set_debug(void *vm, unsigned cpu, const struct vcpu_debug *debug)
{
	return vcpu_set_debug(vm_vcpu(vm, cpu), debug);
}

static const char *activity(void *vm, unsigned cpu)
{
	return vcpu_activity(vm_vcpu(vm, cpu));
}

static const struct vcpu_counters *counters(void *vm, unsigned cpu)
{
	return vcpu_get_counters(vm_vcpu(vm, cpu));
}

static void pause_all(void *vm)
{
	vm_pause(vm);
}

static void resume(void *vm, int only)
{
	vm_resume(vm, only == GDB_ALL_CPUS ? NULL : vm_vcpu(vm, (unsigned)only));
}

static void kill_vm(void *vm)
{
	vm_control_request(vm_get_control(vm), VM_END_USER_QUIT, 0);
}

struct gdb_target gdb_target_of_vm(struct vm *vm)
{
	static const struct gdb_target_ops ops = {
		.cpu_count = cpu_count,
		.is_deprivileged = is_deprivileged,
		.get_registers = get_registers,
		.set_registers = set_registers,
		.translate = translate,
		.read = read_memory,
		.write = write_memory,
		.set_debug = set_debug,
		.activity = activity,
		.counters = counters,
		.pause = pause_all,
		.resume = resume,
		.kill = kill_vm,
	};

	return (struct gdb_target){.ops = &ops, .ctx = vm};
}
