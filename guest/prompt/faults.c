/* SPDX-License-Identifier: MIT
 *
 * Each fault, by name. All but "triple" end in a panic that says what happened.
 */
#include "guest/prompt/faults.h"

#include <stddef.h>
#include <stdint.h>

#include "guest/arch/insn.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/paging.h"

static void fault_ud(void)
{
	asm volatile("ud2");
}

static void fault_de(void)
{
	asm volatile("divl %0" : : "r"(0), "a"(1), "d"(0));
}

static void fault_gp(void)
{
	*(volatile uint64_t *)0x1234567812345678ull = 0;
}

static void fault_pf(void)
{
	uint64_t address = 16;

	asm("" : "+r"(address)); /* or the compiler sees what we are doing */
	*(volatile uint64_t *)address = 0;
}

static void fault_wx(void)
{
	*(volatile uint8_t *)(uintptr_t)fault_wx = 0;
}

static void fault_nx(void)
{
	static uint8_t code[] = {0xc3}; /* ret, in .data */

	asm volatile("call *%0" : : "r"(code) : "memory");
}

/* Runs until the guard page under the stack. */
static __attribute__((noinline)) uint64_t dive(uint64_t depth)
{
	volatile uint64_t here[32];

	here[0] = depth;
	return depth ? dive(depth - 1) + here[0] : 0;
}

static void fault_df(void)
{
	print("%lu", dive(100000));
}

static void fault_triple(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) no_idt = {0, 0};

	asm volatile("lidt %0; ud2" : : "m"(no_idt));
}

static const struct {
	const char *name;
	void (*commit)(void);
	const char *help;
} fault[] = {
	{"ud", fault_ud, "#UD: an invalid instruction"},
	{"de", fault_de, "#DE: a division by zero"},
	{"gp", fault_gp, "#GP: a non-canonical address"},
	{"pf", fault_pf, "#PF: a null pointer"},
	{"wx", fault_wx, "#PF: a write to kernel code"},
	{"nx", fault_nx, "#PF: running data"},
	{"df", fault_df, "#DF: the stack runs into its guard page"},
	{"triple", fault_triple, "no IDT: the processor gives up"},
};

void faults_command(const char *argument)
{
	for (unsigned i = 0; i < sizeof(fault) / sizeof(fault[0]); i++) {
		if (!argument[0])
			print("  %-8s %s\n", fault[i].name, fault[i].help);
		else if (!strcmp(argument, fault[i].name))
			fault[i].commit();
	}
}
