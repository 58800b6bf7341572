/* SPDX-License-Identifier: MIT
 *
 * The tests, a function for each name.
 */
#include "guest/prompt/selftest.h"

#include <stdbool.h>
#include <stddef.h>

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/lapic.h"
#include "guest/arch/smp.h"
#include "guest/arch/trap.h"
#include "guest/board/machine.h"
#include "guest/hyper/pvclock.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/lib/symbols.h"
#include "guest/mm/frame.h"
#include "guest/mm/page.h"
#include "guest/mm/paging.h"
#include "guest/proc/signal.h"
#include "guest/proc/spawn.h"
#include "guest/prompt/selftest_devices.h"
#include "guest/prompt/selftest_hyper.h"
#include "guest/prompt/selftest_sched.h"
#include "guest/sched/schedule.h"
#include "guest/time/clock.h"
#include "guest/user/syscall.h"

#define MS ((uint64_t)1000000)

static unsigned passed, failed;

static void check(bool condition, const char *what)
{
	print("  %s %s\n", condition ? "ok    " : "FAILED", what);
	if (condition)
		passed++;
	else
		failed++;
}

/* Sleeps by the clock, but not for ever if only the ticks go on. */
static void sleep_ns(uint64_t ns)
{
	const uint64_t *ticks = &cpu_this()->tick_count;
	const uint64_t start = clock_ns(), last_tick = *ticks + 50 * SCHED_TICK_HZ;

	irq_disable();
	while (clock_ns() - start < ns && *(volatile const uint64_t *)ticks < last_tick)
		cpu_sleep();
	irq_enable();
	if (*ticks >= last_tick)
		check(false, "the clock moves while ticks go on");
}

static void test_boot(void)
{
	uint64_t offset;

	check(machine.entry_bits == 32 || machine.entry_bits == 64, "an entry point was taken");
	check(machine.ram_count > 0 && machine.ram_bytes > 0, "there is a memory map");
	check(machine.cpu_count > 0, "there is a CPU");
	check((rflags_read() & RFLAGS_IF) != 0, "interrupts are on");
	check(!strcmp(symbol_name((uint64_t)selftest_run, &offset), "selftest_run") && !offset,
	      "the symbol table knows this function");
}

static void test_smp(void)
{
	bool all = true, distinct = true;

	for (unsigned i = 0; i < machine.cpu_count; i++) {
		all = all && cpu_at(i)->online && cpu_at(i)->index == i;
		for (unsigned j = 0; j < i; j++)
			distinct = distinct && machine.apic_id[i] != machine.apic_id[j];
	}
	check(smp_online_count() == machine.cpu_count && all, "all CPUs are online");
	irq_disable();
	distinct = distinct && lapic_id() == cpu_this()->apic_id;
	irq_enable();
	check(distinct, "APIC IDs are distinct, and ours");
	check(selftest_each_cpu_runs(), "each CPU runs a task, by a timer of its own");
}

/* Ticks in half a second, and how many it should have been. */
static uint64_t count_ticks(uint64_t *due)
{
	const uint64_t ticks = cpu_this()->tick_count, start = clock_ns();
	uint64_t took, more;

	sleep_ns(500 * MS);
	took = clock_ns() - start;
	more = cpu_this()->tick_count - ticks;
	*due = took * SCHED_TICK_HZ / 1000000000;
	print("         %lu ticks in %lu ms\n", more, took / MS);
	return more;
}

static void test_timer(void)
{
	uint64_t due, ticks = count_ticks(&due);

	check(ticks > 0 && ticks <= due + 2, "ticks aren't too fast");
	/* a host that stood still for a while has lost us some: it gets other chances */
	for (unsigned tries = 1; ticks < due / 4 && tries < 3; tries++)
		ticks = count_ticks(&due);
	check(ticks >= due / 4, "ticks aren't far too slow");
}

static void test_kvmclock(void)
{
	uint64_t last = clock_ns(), least, most, tsc;
	bool monotonic = true;

	if (!clock_info.kvmclock) {
		print("  skip   no kvmclock here\n");
		return;
	}
	for (unsigned i = 0; i < 1000; i++) {
		const uint64_t now = clock_ns();

		monotonic = monotonic && now >= last;
		last = now;
	}
	check(monotonic, "kvmclock never goes back");
	/* each reading of the TSC between two of kvmclock: a host may stop us anywhere */
	most = clock_ns();
	tsc = tsc_read();
	least = clock_ns();
	sleep_ns(200 * MS);
	least = clock_ns() - least;
	tsc = clock_tsc_to_ns(tsc_read() - tsc);
	most = clock_ns() - most;
	print("         %lu to %lu us by kvmclock, %lu us by TSC\n", least / 1000, most / 1000,
	      tsc / 1000);
	check(tsc > least * 95 / 100 && tsc < most * 105 / 100,
	      "kvmclock and TSC agree within 5 %");
}

static void test_user(void)
{
	check(spawn_hello(USER_HELLO) == 0, "a user program runs and exits");
	check(spawn_hello(USER_READ_KERNEL) == -SIGSEGV, "it can't read kernel memory");
	check(spawn_hello(USER_WRITE_TEXT) == -SIGSEGV, "it can't write its code");
	check(spawn_hello(USER_RUN_STACK) == -SIGSEGV, "it can't run its stack");
	check(spawn_hello(USER_HALT) == -SIGSEGV, "it can't halt");
	check(spawn_hello(USER_PORT) == -SIGSEGV, "it can't reach ports");
	check(spawn_hello(USER_WRITE_CR3) == -SIGSEGV, "it can't load CR3");
	check(spawn_hello(USER_BAD_POINTER) == 0, "write() refuses a kernel address");
	check(spawn_hello(USER_KEEPS_REGISTERS) == 0, "a system call keeps registers and flags");
}

static void test_hyper(void)
{
	selftest_hyper(check);
}

static void write_to(void *at)
{
	*(volatile uint8_t *)at = 0;
}

static void run_at(void *at)
{
	((void (*)(void))at)();
}

static void undefined(void *unused)
{
	(void)unused;
	asm volatile("ud2");
}

static void divide(void *by)
{
	asm volatile("divl %0" : : "r"(*(const uint32_t *)by), "a"(1), "d"(0));
}

static bool raises(void (*function)(void *), void *argument, uint64_t vector)
{
	struct trap_report report;

	return trap_catch(function, argument, &report) && report.vector == vector;
}

static void test_trap(void)
{
	struct trap_report report = {0};
	uint32_t zero = 0;

	check(raises(undefined, NULL, EXCEPTION_UD), "ud2 raises #UD");
	check(raises(divide, &zero, EXCEPTION_DE), "1/0 raises #DE");
	check(raises(write_to, (void *)0x1234567812345678ull, EXCEPTION_GP),
	      "a non-canonical address raises #GP");
	check(trap_catch(write_to, (void *)0x10, &report) && report.vector == EXCEPTION_PF &&
		      report.cr2 == 0x10 && (report.error & PF_WRITE),
	      "a null pointer raises #PF, with its address in CR2");
	check(raises(write_to, (uint8_t *)stack_base_this() - 8, EXCEPTION_PF),
	      "there is a guard page under the stack");
}

static void test_memory(void)
{
	static uint8_t code[] = {0xc3};
	struct page_stats before, after;
	uint64_t frame[64];
	bool good = true;

	page_stats_read(&before);
	for (unsigned i = 0; i < 64; i++) {
		frame[i] = frame_alloc();
		good = good && frame[i] && frame[i] % PAGE_BYTES == 0;
		if (frame[i])
			*(uint64_t *)direct(frame[i]) = i;
	}
	for (unsigned i = 0; i < 64; i++)
		good = good && *(uint64_t *)direct(frame[i]) == i;
	for (unsigned i = 0; i < 64; i++)
		frame_free(frame[i]);
	page_stats_read(&after);
	check(good, "64 frames are distinct and writable");
	check(before.free == after.free, "all of them came back");
	check(raises(write_to, (void *)(uintptr_t)selftest_run, EXCEPTION_PF),
	      "kernel code is read-only");
	check(raises(write_to, direct((uint64_t)selftest_run - KERNEL_BASE), EXCEPTION_PF),
	      "also in the direct map");
	check(raises(run_at, code, EXCEPTION_PF), "kernel data is not executable");
	check(raises(run_at, direct(image_gpa(code)), EXCEPTION_PF), "nor is the direct map");
	if (machine.ram_count) {
		const uint64_t last = machine.ram[machine.ram_count - 1].end - 8;

		check(!trap_catch(write_to, direct(last), NULL), "the end of RAM is mapped");
	}
}

static void test_sched(void)
{
	selftest_sched(check);
}

static void test_fairness(void)
{
	selftest_fairness(check);
}

static void test_shares(void)
{
	selftest_shares(check);
}

static void test_disk(void)
{
	selftest_disk(check);
}

static void test_net(void)
{
	selftest_net(check);
}

static const struct {
	const char *name;
	void (*run)(void);
	bool by_name; /* needs devices: not part of "all" */
} test[] = {
	{"boot", test_boot, false},	   {"smp", test_smp, false},
	{"timer", test_timer, false},	   {"kvmclock", test_kvmclock, false},
	{"memory", test_memory, false},	   {"trap", test_trap, false},
	{"user", test_user, false},	   {"hyper", test_hyper, false},
	{"sched", test_sched, false},	   {"shares", test_shares, true},
	{"fairness", test_fairness, true}, {"disk", test_disk, true},
	{"net", test_net, true},
};

uint32_t selftest_run(const char *name)
{
	bool found = false;

	passed = failed = 0;
	for (unsigned i = 0; i < sizeof(test) / sizeof(test[0]); i++) {
		if (strcmp(name, test[i].name) && (strcmp(name, "all") || test[i].by_name))
			continue;
		found = true;
		print("test %s\n", test[i].name);
		test[i].run();
	}
	check(found, "there is a test of this name");
	print("self-test %s: %u passed, %u failed\n", name, passed, failed);
	return failed ? 1 : 0;
}
