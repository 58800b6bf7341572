/* SPDX-License-Identifier: MIT
 *
 * Panic: message, registers, backtrace by frame pointers, and the news to whoever runs us. Works
 * from any stack and any state; a panic inside a panic only stops.
 */
#include "guest/lib/panic.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/lapic.h"
#include "guest/arch/trap.h"
#include "guest/drivers/console.h"
#include "guest/drivers/power.h"
#include "guest/lib/print.h"
#include "guest/lib/symbols.h"
#include "guest/mm/paging.h"

#define BACKTRACE_MAX 12    /* lines */
#define BACKTRACE_STEPS 256 /* frames, with those that recursion repeats */

static uint32_t panicking; /* 1 from the first panic on */

static void print_address(const char *before, uint64_t address)
{
	uint64_t offset;
	const char *name = symbol_name(address, &offset);

	print("%s%016lx  %s+%#lx\n", before, address, name, offset);
}

/* Named by the call: behind one that doesn't return another function may begin. */
static void print_return_address(uint64_t address)
{
	uint64_t offset;
	const char *name = symbol_name(address - 1, &offset);

	print("  %016lx  %s+%#lx\n", address, name, offset + 1);
}

/* A frame pointer is believed if it is on the same stack as the one before: at most this far up. */
static bool frame_follows(uint64_t next, uint64_t previous)
{
	return next > previous && next - previous < 4 * PAGE_BYTES && next % 8 == 0 &&
	       next >= KERNEL_BASE;
}

static bool is_mapped(uint64_t gva)
{
	return gva < WINDOW_BASE ? gva < (uint64_t)kernel_end
				 : paging_lookup(kernel_pml4, gva) & PTE_PRESENT;
}

static void print_repeats(unsigned repeats)
{
	if (repeats)
		print("  (%u more of these)\n", repeats);
}

static void print_backtrace(uint64_t rbp)
{
	uint64_t last = 0;
	unsigned lines = 0, repeats = 0;

	for (unsigned i = 0; i < BACKTRACE_STEPS && lines < BACKTRACE_MAX; i++) {
		const uint64_t *at = (const uint64_t *)rbp;

		if (rbp < KERNEL_BASE || rbp % 8 || !is_mapped(rbp) || !is_mapped(rbp + 8) ||
		    !at[1])
			break;
		if (at[1] == last) {
			repeats++;
		} else {
			print_repeats(repeats);
			print_return_address(at[1]);
			last = at[1];
			repeats = 0;
			lines++;
		}
		if (!frame_follows(at[0], rbp))
			break;
		rbp = at[0];
	}
	print_repeats(repeats);
}

static void print_registers(const struct trap_frame *f)
{
	print("  rip %016lx  rflags %08lx  cs %02lx  ss %02lx  error %lx\n", f->rip, f->rflags,
	      f->cs, f->ss, f->error);
	print("  rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	print("  rsi %016lx  rdi %016lx  rbp %016lx  rsp %016lx\n", f->rsi, f->rdi, f->rbp, f->rsp);
	print("  r8  %016lx  r9  %016lx  r10 %016lx  r11 %016lx\n", f->r8, f->r9, f->r10, f->r11);
	print("  r12 %016lx  r13 %016lx  r14 %016lx  r15 %016lx\n", f->r12, f->r13, f->r14, f->r15);
	print("  cr0 %08lx  cr2 %016lx  cr3 %08lx  cr4 %08lx\n", cr0_read(), cr2_read(), cr3_read(),
	      cr4_read());
}

static unsigned this_cpu_index(void)
{
	const uint64_t here = (uint64_t)__builtin_frame_address(0);

	return here >= CPU_AREA_BASE ? cpu_this()->index : 0;
}

static void begin(void)
{
	irq_disable();
	if (__atomic_exchange_n(&panicking, 1, __ATOMIC_SEQ_CST))
		cpu_halt();
	lapic_stop_others();
	console_take_over();
	log_take_over();
	print_console_level = LOG_DEBUG;
}

static _Noreturn void end(void)
{
	power_report_panic();
	cpu_halt();
}

void panic(const char *format, ...)
{
	va_list args;

	begin();
	print("\npanic on CPU %u: ", this_cpu_index());
	va_start(args, format);
	print_args(format, args);
	va_end(args);
	print("\ncalled from\n");
	print_backtrace((uint64_t)__builtin_frame_address(0));
	end();
}

void panic_frame(const struct trap_frame *frame, const char *format, ...)
{
	va_list args;

	begin();
	print("\npanic on CPU %u: ", this_cpu_index());
	va_start(args, format);
	print_args(format, args);
	va_end(args);
	print("\n");
	print_registers(frame);
	print_address("at\n  ", frame->rip);
	print_backtrace(frame->rbp);
	end();
}

void panic_double_fault(const struct trap_frame *frame)
{
	const uint64_t stack = (frame->rsp - 1) & ~(uint64_t)(STACK_BYTES - 1);
	const char *why = "the stack pointer is outside every kernel stack";

	if (frame->rsp > CPU_AREA_BASE && is_mapped(stack))
		why = "the stack is fine: look at what the first fault needed (IDT, GDT, TSS)";
	else if (frame->rsp > CPU_AREA_BASE && is_mapped(stack + STACK_BYTES))
		why = "the kernel stack overran into its guard page";
	panic_frame(frame,
		    "#DF double fault, handled on its own stack\n"
		    "  %s\n  rsp %#lx, first fault probably at cr2 %#lx",
		    why, frame->rsp, cr2_read());
}

void panic_stop_if_asked(void)
{
	if (__atomic_load_n(&panicking, __ATOMIC_SEQ_CST))
		cpu_halt();
}
