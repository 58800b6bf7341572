/* SPDX-License-Identifier: MIT
 *
 * Time: ns since boot, from kvmclock or from the TSC, and how fast the LAPIC's timer runs.
 */
#ifndef GUEST_TIME_CLOCK_H
#define GUEST_TIME_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;

/* Where a frequency is known from. */
enum clock_source { CLOCK_CPUID, CLOCK_KVMCLOCK, CLOCK_PIT, CLOCK_ASSUMED };

struct clock_info {
	uint64_t tsc_hz, lapic_hz; /* lapic_hz 0: not needed, there is a TSC deadline */
	enum clock_source tsc_source;
	bool kvmclock; /* clock_ns() reads it */
};
extern struct clock_info clock_info;

/* Finds the frequencies; on the boot CPU, after its LAPIC. */
void clock_init(struct cpu *cpu);

/* On each other CPU. */
void clock_start_cpu(struct cpu *cpu);

/* Time since boot; never goes back. */
uint64_t clock_ns(void);

/* TSC ticks to ns. */
uint64_t clock_tsc_to_ns(uint64_t ticks);

/* ns to TSC ticks, and to a count for the LAPIC timer: at least 1, at most what it can count. */
uint64_t clock_ns_to_tsc(uint64_t ns);
uint32_t clock_ns_to_lapic(uint64_t ns);

const char *clock_source_name(enum clock_source source);

#endif
