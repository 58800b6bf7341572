/* SPDX-License-Identifier: MIT
 *
 * stat, uptime, loadavg, cpuinfo, interrupts.
 */
#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/board/machine.h"
#include "guest/bus/interrupt.h"
#include "guest/fs/procfs/tables.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/proc/process.h"
#include "guest/sched/account.h"
#include "guest/time/clock.h"

#define NS_PER_SECOND 1000000000ul
#define LOAD_ONE (1ul << ACCOUNT_LOAD_SHIFT)
#define VECTORS 256

/* --- time */
static void read_all_times(struct cpu_times *all)
{
	struct cpu_times one;

	*all = (struct cpu_times){0};
	for (unsigned i = 0; i < machine.cpu_count; i++) {
		if (!cpu_at(i)->online)
			continue;
		account_cpu(i, &one);
		all->user += one.user;
		all->system += one.system;
		all->idle += one.idle;
		all->steal += one.steal;
		all->switches += one.switches;
	}
}

static void show_times(const struct cpu_times *t, struct text *text)
{
	text_print(text, " %lu 0 %lu %lu 0 0 0 %lu 0 0\n", t->user / PROC_TICK_NS,
		   t->system / PROC_TICK_NS, t->idle / PROC_TICK_NS, t->steal / PROC_TICK_NS);
}

int proc_show_cpu_stat(const struct proc_subject *subject, struct text *text)
{
	struct cpu_times all;
	uint64_t interrupts = 0;

	(void)subject;
	read_all_times(&all);
	text_print(text, "cpu ");
	show_times(&all, text);
	for (unsigned i = 0; i < machine.cpu_count; i++) {
		struct cpu_times one;

		if (!cpu_at(i)->online)
			continue;
		account_cpu(i, &one);
		text_print(text, "cpu%u", i);
		show_times(&one, text);
		interrupts += cpu_at(i)->tick_count;
	}
	for (unsigned i = 0; i < VECTORS; i++)
		interrupts += interrupt_count(i);
	text_print(text, "intr %lu\nctxt %lu\nbtime %lu\n", interrupts, all.switches,
		   (uint64_t)time_now().seconds - clock_ns() / NS_PER_SECOND);
	text_print(text, "procs_running %u\nprocs_blocked %u\n", account_runnable(),
		   account_blocked());
	return text->error;
}

int proc_show_uptime(const struct proc_subject *subject, struct text *text)
{
	const uint64_t now = clock_ns() / PROC_TICK_NS;
	struct cpu_times all;
	uint64_t idle;

	(void)subject;
	read_all_times(&all);
	idle = all.idle / PROC_TICK_NS;
	text_print(text, "%lu.%02lu %lu.%02lu\n", now / 100, now % 100, idle / 100, idle % 100);
	return text->error;
}

/* --- load */
static void count_tasks(uint64_t *total, int32_t *last_pid)
{
	const uint64_t flags = spin_lock(&process_lock);

	*total = 0;
	*last_pid = 0;
	list_for_each(link, &process_all)
	{
		const struct process *process = container_of(link, struct process, in_all);

		*total += process->thread_count;
		if (process->pid > *last_pid)
			*last_pid = process->pid;
	}
	spin_unlock(&process_lock, flags);
}

int proc_show_loadavg(const struct proc_subject *subject, struct text *text)
{
	uint64_t tasks, load[3];
	int32_t last_pid;

	(void)subject;
	account_load_averages(load);
	count_tasks(&tasks, &last_pid);
	for (unsigned i = 0; i < 3; i++)
		text_print(text, "%lu.%02lu ", load[i] / LOAD_ONE,
			   load[i] % LOAD_ONE * 100 / LOAD_ONE);
	text_print(text, "%u/%lu %d\n", account_runnable(), tasks, last_pid);
	return text->error;
}

/* --- CPUs and interrupts */
static void show_features(const struct cpuid *leaf1, struct text *text)
{
	static const char *const low[32] = {"fpu", "vme",  "de",   "pse",   "tsc", "msr",     "pae",
					    "mce", "cx8",  "apic", NULL,    "sep", "mtrr",    "pge",
					    "mca", "cmov", "pat",  "pse36", "pn",  "clflush", NULL,
					    "dts", "acpi", "mmx",  "fxsr",  "sse", "sse2",    "ss",
					    "ht",  "tm",   "ia64", "pbe"};

	text_print(text, "flags\t\t:");
	for (unsigned i = 0; i < 32; i++)
		if (low[i] && (leaf1->edx & 1u << i))
			text_print(text, " %s", low[i]);
	text_print(text, " lm\n");
}

static void show_cpu(unsigned index, struct text *text)
{
	const struct cpuid leaf0 = cpuid_read(0, 0), leaf1 = cpuid_read(1, 0);
	const uint32_t family = leaf1.eax >> 8 & 0xf, model = leaf1.eax >> 4 & 0xf;
	char vendor[13] = {0}, brand[49] = {0};

	memcpy(vendor, &leaf0.ebx, 4);
	memcpy(vendor + 4, &leaf0.edx, 4);
	memcpy(vendor + 8, &leaf0.ecx, 4);
	if (cpuid_read(0x80000000, 0).eax >= 0x80000004)
		for (unsigned i = 0; i < 3; i++) {
			const struct cpuid part = cpuid_read(0x80000002 + i, 0);

			memcpy(brand + 16 * i, &part, sizeof(part));
		}
	text_print(text, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n",
		   index, vendor, family == 0xf ? family + (leaf1.eax >> 20 & 0xff) : family,
		   family == 6 || family == 0xf ? model | (leaf1.eax >> 12 & 0xf0) : model);
	text_print(text,
		   "model name\t: %s\nstepping\t: %u\ncpu MHz\t\t: %lu.%03lu\napicid\t\t: %u\n",
		   brand, leaf1.eax & 0xf, clock_info.tsc_hz / 1000000,
		   clock_info.tsc_hz / 1000 % 1000, cpu_at(index)->apic_id);
	show_features(&leaf1, text);
	text_print(text, "bogomips\t: %lu.%02lu\n\n", clock_info.tsc_hz / 500000,
		   clock_info.tsc_hz / 5000 % 100);
}

int proc_show_cpuinfo(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	for (unsigned i = 0; i < machine.cpu_count; i++)
		if (cpu_at(i)->online)
			show_cpu(i, text);
	return text->error;
}

/* Devices interrupt the boot processor only (bus/interrupt.h). */
static void show_vector(unsigned vector, uint64_t count, struct text *text)
{
	text_print(text, "%3u:", vector);
	for (unsigned i = 0; i < machine.cpu_count; i++)
		if (cpu_at(i)->online)
			text_print(text, " %10lu", i ? 0 : count);
	text_print(text, "  %s\n", interrupt_describe(vector));
}

int proc_show_interrupts(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "    ");
	for (unsigned i = 0; i < machine.cpu_count; i++)
		if (cpu_at(i)->online)
			text_print(text, "       CPU%u", i);
	text_print(text, "\n");
	for (unsigned i = 0; i < VECTORS; i++)
		if (interrupt_count(i))
			show_vector(i, interrupt_count(i), text);
	text_print(text, "LOC:");
	for (unsigned i = 0; i < machine.cpu_count; i++)
		if (cpu_at(i)->online)
			text_print(text, " %10lu", cpu_at(i)->tick_count);
	text_print(text, "  Local timer interrupts\nTRP:");
	for (unsigned i = 0; i < machine.cpu_count; i++)
		if (cpu_at(i)->online)
			text_print(text, " %10lu", cpu_at(i)->trap_count);
	text_print(text, "  Traps\n");
	return text->error;
}
