/* SPDX-License-Identifier: MIT
 *
 * --trace exits[=FILE]: one readable line per exit to userspace; --trace registers: each with the registers, too.
 *
 *     vcpu      time/us    took/us  reason          what
 *     0        1042.113      0.412  pio-write       com1 THR (0x3f8/1) = 0x48 'H'
 */
#ifndef VITRINE_OBSERVE_TRACE_H
#define VITRINE_OBSERVE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "bus/bus.h"
#include "observe/counters.h"

struct trace;

/* Those that carry an access's operands, and say where the guest was. */
struct trace_registers {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rflags;
};

/* What is known of one exit. Times: CLOCK_MONOTONIC. */
struct trace_exit {
	unsigned vcpu;
	uint64_t start_ns; /* KVM_RUN returned */
	uint64_t end_ns;   /* the exit was handled; 0: not known */
	enum exit_reason reason;
	uint64_t address; /* PIO, MMIO: port or GPA; hypercall: number; IOAPIC EOI: vector */
	unsigned width;	  /* PIO, MMIO: bytes of one access */
	unsigned count;	  /* PIO: repetitions of a string instruction, else 1 */
	uint64_t value;	  /* read or written; hypercall: its result */
	uint64_t rip;	  /* 0: not known */
	const struct bus_window *window; /* NULL: nobody there */
	const struct trace_registers
		*registers; /* only while the line is written; NULL: not asked for */
};

/* path NULL: standard error. 0 or -errno. Time zero is now. */
int trace_open(const char *path, bool with_registers, struct trace **out);

/* Whether trace_write() would show an exit's registers. */
bool trace_wants_registers(const struct trace *trace);

/* Any thread; lines never mix. Lines are buffered: they reach the file when the buffer is full, a
 * second has passed, or at trace_flush(). If the file can't be written any more, one warning says
 * so, tracing stops and the VM goes on. NULL is fine. */
void trace_write(struct trace *trace, const struct trace_exit *exit);

/* Any thread: when the VM pauses or idles, and before another program reads the file. NULL is fine. */
void trace_flush(struct trace *trace);

void trace_close(struct trace *trace); /* flushes; NULL is fine */

/* CLOCK_MONOTONIC of time zero, for trace_format(). */
uint64_t trace_start_ns(const struct trace *trace);

/* The line's text without newline, as trace_write() puts it; start_of_run_ns is time zero. Returns
 * its length. For tests and for "the last exit" of an error report. */
int trace_format(const struct trace_exit *exit, uint64_t start_of_run_ns, char *buf,
		 unsigned size_bytes);

#endif
