/* SPDX-License-Identifier: MIT
 *
 * The boot, as a table of contents. entry.S calls kernel_entry() on the boot stack.
 */
#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/ioapic.h"
#include "guest/arch/lapic.h"
#include "guest/arch/smp.h"
#include "guest/arch/tlb.h"
#include "guest/block/device.h"
#include "guest/board/machine.h"
#include "guest/drivers/console.h"
#include "guest/drivers/power.h"
#include "guest/drivers/serial.h"
#include "guest/fs/ext2/ext2.h"
#include "guest/fs/kmsg.h"
#include "guest/fs/procfs/proc.h"
#include "guest/fs/sysfs/sysfs.h"
#include "guest/fs/vfs.h"
#include "guest/hostile/hostile.h"
#include "guest/hyper/device.h"
#include "guest/hyper/features.h"
#include "guest/hyper/hypercall.h"
#include "guest/hyper/paravirt.h"
#include "guest/hyper/strace.h"
#include "guest/hyper/vdso.h"
#include "guest/lib/panic.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/mm/paging.h"
#include "guest/mm/reclaim.h"
#include "guest/net/stack.h"
#include "guest/proc/process.h"
#include "guest/proc/spawn.h"
#include "guest/prompt/faults.h"
#include "guest/prompt/greeting.h"
#include "guest/prompt/prompt.h"
#include "guest/prompt/selftest.h"
#include "guest/sched/schedule.h"
#include "guest/sched/task.h"
#include "guest/sched/timer.h"
#include "guest/sched/trace.h"
#include "guest/time/clock.h"
#include "guest/tty/tty.h"

#define SMP_WAIT_NS 10000000000ull

_Noreturn void kernel_entry(uint32_t start_info_gpa, unsigned entry_bits);

/* RAM from start on, without what is taken from the i-th taken range on. */
static void add_free_ram(uint64_t start, uint64_t end, unsigned i)
{
	for (; i < machine.taken_count; i++) {
		const struct machine_range *taken = &machine.taken[i];

		if (taken->end <= start || taken->start >= end)
			continue;
		if (taken->start > start)
			add_free_ram(start, taken->start, i + 1);
		if (taken->end >= end)
			return;
		start = taken->end;
	}
	page_add_range(start, end);
}

static void memory_init(void)
{
	paging_init();
	for (unsigned i = 0; i < machine.ram_count; i++)
		add_free_ram(machine.ram[i].start, machine.ram[i].end, 0);
	for (unsigned i = 0; i < machine.ram_count; i++)
		if (!paging_direct_add(machine.ram[i].start,
				       machine.ram[i].end - machine.ram[i].start))
			panic("RAM at %#lx is beyond what this kernel can map",
			      machine.ram[i].start);
	page_init();
}

/* With an initramfs, or if asked to, this is a system; else it has the prompt. */
static bool wants_init(void)
{
	char name[64];

	return machine.initrd_bytes || machine_option("init", name, sizeof(name));
}

/* What the command line asks for, once all is up. */
static void act(void)
{
	char name[64];

	if (machine_option("test", name, sizeof(name)))
		power_exit(selftest_run(name));
	if (machine_option("hostile", name, sizeof(name)))
		power_exit(hostile_run(name));
	if (machine_option("fault", name, sizeof(name)))
		faults_command(name);
	if (machine_option("run", name, sizeof(name)) && !prompt_command(name))
		panic("run=%s: no such command", name);
	if (machine_has_word("off"))
		power_off();
	for (unsigned i = 0; i < prompt_action_count; i++)
		if (machine_has_word(prompt_action[i].word))
			prompt_action[i].act();
	if (machine_has_word("prompt") || !wants_init())
		prompt_loop();
	ext2_init();
	block_init();
	net_start();
	tty_take_console();
	reclaim_start();
	process_limit_threads(machine.ram_bytes);
	vdso_start();
	strace_start();
	process_start_init();
}

/* The first task: what is left of the boot may wait and be preempted. */
static void boot(void *unused)
{
	(void)unused;
	if (machine_has_word("trace=sched") && trace_start())
		panic("trace=sched: no memory for the ring");
	vfs_init();
	kmsg_init();
	procfs_init();
	sysfs_init();
	tty_init();
	hyper_device_register();
	smp_init(lapic_id());
	cpu_at(0)->apic_id = machine.apic_id[0];
	smp_start();
	serial_listen(machine.serial_irq);
	power_init();
	smp_wait(SMP_WAIT_NS);
	if (!machine_has_word("quiet"))
		greet();
	act();
}

static void kernel_main(void)
{
	struct cpu *cpu = cpu_at(0);

	cpu_load(cpu);
	tlb_init();
	ioapic_init();
	vdso_init();
	lapic_init();
	lapic_start();
	clock_init(cpu);
	timer_start_cpu();
	cpu->online = true;
	hypercall_init();
	paravirt_start(cpu);
	console_use_hypercalls();
	sched_start_cpu();
	if (!kthread_start("boot", boot, NULL))
		panic("no memory for the first task");
	sched_idle();
}

void kernel_entry(uint32_t start_info_gpa, unsigned entry_bits)
{
	cpu_features_read();
	cpu_load_idt();
	if (!machine_discover(start_info_gpa, entry_bits))
		panic("no PVH start info at %#x: was this kernel loaded by a PVH loader?",
		      start_info_gpa);
	console_init();
	pv_init();
	memory_init();
	if (!cpu_create(0, 0))
		panic("no memory for the first CPU's stacks: %lu KiB of RAM is too little",
		      machine.ram_bytes >> 10);
	cpu_switch_stack(cpu_stack_top(cpu_at(0)), kernel_main);
}
