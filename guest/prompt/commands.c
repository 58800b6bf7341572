/* SPDX-License-Identifier: MIT
 *
 * The commands, as a table and a function each.
 */
#include <stddef.h>
#include <stdint.h>

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/smp.h"
#include "guest/arch/trap.h"
#include "guest/board/fdt.h"
#include "guest/board/machine.h"
#include "guest/bus/pci.h"
#include "guest/drivers/power.h"
#include "guest/hostile/hostile.h"
#include "guest/lib/panic.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/proc/signal.h"
#include "guest/proc/spawn.h"
#include "guest/prompt/disk_commands.h"
#include "guest/prompt/faults.h"
#include "guest/prompt/greeting.h"
#include "guest/prompt/measure.h"
#include "guest/prompt/net_commands.h"
#include "guest/prompt/prompt.h"
#include "guest/prompt/selftest.h"
#include "guest/sched/trace.h"
#include "guest/time/clock.h"
#include "guest/user/syscall.h"

#define MEASURE_ROUNDS 1000

static void cmd_cpus(const char *argument)
{
	(void)argument;
	print("  CPU  APIC ID  online  stack              ticks\n");
	for (unsigned i = 0; i < machine.cpu_count; i++) {
		const struct cpu *cpu = cpu_at(i);

		print("  %3u  %7u  %-6s  %016lx  %6lu\n", i, cpu->apic_id,
		      cpu->online ? "yes" : "no", cpu_stack_top(cpu), cpu->tick_count);
	}
}

static void cmd_mem(const char *argument)
{
	struct page_stats stats;

	(void)argument;
	page_stats_read(&stats);
	for (unsigned i = 0; i < machine.ram_count; i++)
		print("  RAM   %012lx - %012lx\n", machine.ram[i].start, machine.ram[i].end);
	for (unsigned i = 0; i < machine.taken_count; i++)
		print("  taken %012lx - %012lx\n", machine.taken[i].start, machine.taken[i].end);
	print("  %lu of %lu frames free\n", stats.free, stats.total);
}

static void cmd_time(const char *argument)
{
	const uint64_t ns = clock_ns();

	(void)argument;
	print("  %lu.%06lu s since boot by %s\n", ns / 1000000000, ns / 1000 % 1000000,
	      clock_info.kvmclock ? "kvmclock" : "TSC");
	print("  TSC %lu Hz (%s), LAPIC timer %lu Hz, TSC now %lu\n", clock_info.tsc_hz,
	      clock_source_name(clock_info.tsc_source), clock_info.lapic_hz, tsc_read());
}

/* As CSV, for scripts/plot-sched on the host. */
static void cmd_trace(const char *argument)
{
	char line[256];
	uint64_t position = 0;

	(void)argument;
	if (!trace_is_on && trace_start())
		print("  no memory for the ring\n");
	while (trace_read_line(TRACE_CSV, &position, line, sizeof(line)))
		print("%s", line);
}

static void cmd_ticks(const char *argument)
{
	(void)argument;
	for (unsigned i = 0; i < machine.cpu_count; i++)
		print("  CPU %u: %lu\n", i, cpu_at(i)->tick_count);
}

static void cmd_exits(const char *argument)
{
	(void)argument;
	measure_print_all(MEASURE_ROUNDS);
}

static void cmd_ring(const char *argument)
{
	static const char *const attempt[USER_TASK_COUNT] = {
		[USER_READ_KERNEL] = "read kernel memory",
		[USER_WRITE_TEXT] = "write to its own code",
		[USER_RUN_STACK] = "run code on its stack",
		[USER_HALT] = "hlt",
		[USER_PORT] = "write to an I/O port",
		[USER_WRITE_CR3] = "load CR3",
	};
	uint16_t cs;

	(void)argument;
	asm volatile("mov %%cs, %0" : "=r"(cs));
	print("  the kernel runs in ring %u (cs %#x)\n  ", cs & 3, cs);
	spawn_hello(USER_HELLO);
	for (unsigned i = 0; i < USER_TASK_COUNT; i++) {
		int result;

		if (!attempt[i])
			continue;
		result = spawn_hello(i);
		print("  ring 3 tries to %-22s -> %s\n", attempt[i],
		      result == -SIGSEGV ? "SIGSEGV" : "it could!");
	}
}

static void cmd_irq(const char *argument)
{
	(void)argument;
	for (unsigned i = EXCEPTION_COUNT; i < 256; i++)
		if (trap_interrupt_count(i))
			print("  vector %3u  %8lu  %s\n", i, trap_interrupt_count(i),
			      i == VECTOR_TICK	 ? "tick"
			      : i == VECTOR_WAKE ? "wake-up"
						 : "GSI");
}

static void print_value(const struct fdt_value *value)
{
	bool text = value->bytes > 1 && !value->at[value->bytes - 1];

	for (uint32_t i = 0; i + 1 < value->bytes; i++)
		text = text && (value->at[i] >= ' ' || (!value->at[i] && i && value->at[i - 1]));
	if (text) {
		for (const char *s = NULL; (s = fdt_string_after(value, s));)
			print(" \"%s\"", s);
		return;
	}
	for (uint32_t i = 0; i < value->bytes / 4; i++)
		print(" %x", fdt_cell(value, i));
}

static void indent(unsigned depth)
{
	while (depth--)
		print("  ");
}

static void cmd_fdt(const char *argument)
{
	struct fdt fdt;

	(void)argument;
	if (!machine.fdt || !fdt_open(&fdt, machine.fdt, machine.fdt_bytes)) {
		print("  no device tree: this is not Vitrine\n");
		return;
	}
	for (;;) {
		switch (fdt_next(&fdt)) {
		case FDT_EVENT_NODE:
			indent(fdt.depth);
			print("%s {\n", fdt.depth == 1 ? "/" : fdt.name);
			break;
		case FDT_EVENT_PROPERTY:
			indent(fdt.depth + 1);
			print("%s", fdt.name);
			print_value(&fdt.value);
			print("\n");
			break;
		case FDT_EVENT_NODE_END:
			indent(fdt.depth + 1);
			print("}\n");
			break;
		default: return;
		}
	}
}

static void cmd_test(const char *argument)
{
	selftest_run(argument[0] ? argument : "all");
}

static void print_function(const struct pci_function *f)
{
	print("  %02x:%02x.%u  %04x:%04x  class %06x\n", f->bus, f->device, f->function, f->vendor,
	      f->product, f->class_code);
}

static void cmd_pci(const char *argument)
{
	(void)argument;
	if (!pci_scan(print_function))
		print("  no PCI here\n");
}

static void cmd_hostile(const char *argument)
{
	hostile_run(argument[0] ? argument : "all");
}

static void cmd_panic(const char *argument)
{
	panic("%s", argument[0] ? argument : "because you asked for it");
}

static void cmd_reboot(const char *argument)
{
	(void)argument;
	power_reboot();
}

static void cmd_off(const char *argument)
{
	(void)argument;
	power_off();
}

static void cmd_hello(const char *argument)
{
	(void)argument;
	greet();
}

static void cmd_help(const char *argument);

static const struct command {
	const char *name;
	void (*run)(const char *argument);
	const char *help;
} command[] = {
	{"help", cmd_help, "this list"},
	{"hello", cmd_hello, "the greeting again"},
	{"cpus", cmd_cpus, "processors"},
	{"mem", cmd_mem, "memory map and frames"},
	{"time", cmd_time, "clocks"},
	{"trace", cmd_trace, "what the scheduler did since this command, or since trace=sched"},
	{"ticks", cmd_ticks, "timer interrupts of each CPU"},
	{"exits", cmd_exits, "what leaving the VM costs, each way"},
	{"hyper", cmd_exits, "the same"},
	{"ring", cmd_ring, "what ring 3 may not do, tried out"},
	{"fault", faults_command, "fault NAME: a deliberate fault; without NAME their list"},
	{"irq", cmd_irq, "interrupts by vector"},
	{"fdt", cmd_fdt, "the device tree"},
	{"test", cmd_test, "test NAME: a self-test; without NAME all of them"},
	{"pci", cmd_pci, "PCI functions"},
	{"disks", disk_command_list, "disks and their drivers"},
	{"diskread", disk_command_read, "diskread NAME SECTOR: its bytes"},
	{"disksum", disk_command_sum, "disksum NAME [START [COUNT]]: CRC-32 of sectors"},
	{"disktest", disk_command_test, "disktest NAME [START [COUNT]]: OVERWRITES, reads back"},
	{"diskbench", disk_command_bench, "diskbench NAME [REQUESTS]: random reads"},
	{"nics", net_command_list, "network interfaces and their drivers"},
	{"nettest", net_command_test, "nettest [GATEWAY [ADDRESS [NAME]]]: ARP and echoes"},
	{"netbench", net_command_bench, "netbench [NAME [FRAMES [BYTES [GATEWAY]]]]: sending"},
	{"hostile", cmd_hostile, "hostile KIND: bad requests to virtio devices; blk net … all"},
	{"panic", cmd_panic, "panic TEXT: the end"},
	{"reboot", cmd_reboot, "reset the machine"},
	{"off", cmd_off, "switch it off"},
};

static void cmd_help(const char *argument)
{
	(void)argument;
	for (unsigned i = 0; i < sizeof(command) / sizeof(command[0]); i++)
		print("  %-9s %s\n", command[i].name, command[i].help);
}

bool prompt_command(const char *line)
{
	for (unsigned i = 0; i < sizeof(command) / sizeof(command[0]); i++) {
		const size_t length = strlen(command[i].name);

		if (strncmp(line, command[i].name, length))
			continue;
		if (line[length] != ' ' && line[length] != ',' && line[length] != 0)
			continue;
		command[i].run(line[length] ? line + length + 1 : "");
		return true;
	}
	return false;
}
