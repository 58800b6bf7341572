/* SPDX-License-Identifier: MIT
 *
 * Counters that are always on: plain increments in memory of the vCPU that exits. Read by others
 * only when the vCPU stands, or as a snapshot that may be one exit behind.
 */
#ifndef VITRINE_OBSERVE_COUNTERS_H
#define VITRINE_OBSERVE_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <x86intrin.h>

/* Exits to userspace by reason; the names users see stand in exit_reason_name(). */
enum exit_reason {
	EXIT_PIO_READ,
	EXIT_PIO_WRITE,
	EXIT_MMIO_READ,
	EXIT_MMIO_WRITE,
	EXIT_HYPERCALL, /* VMM entry of the hypercall page */
	EXIT_HLT,
	EXIT_SHUTDOWN,	 /* triple fault */
	EXIT_IOAPIC_EOI, /* split irqchip only */
	EXIT_DEBUG,
	EXIT_INTERRUPTED, /* a signal: kick, timer */
	EXIT_SYSTEM_EVENT,
	EXIT_FAIL_ENTRY,
	EXIT_INTERNAL_ERROR,
	EXIT_OTHER,
	EXIT_REASON_COUNT
};

struct vcpu_counters {
	uint64_t exits[EXIT_REASON_COUNT];
	uint64_t unmapped_reads; /* PIO and MMIO where no device is */
	uint64_t unmapped_writes;
	uint64_t rom_writes;
};

#define QUEUE_DEPTH_BUCKETS 12 /* requests in flight when one came: 1, 2–3, 4–7, … */
#define QUEUE_LATENCY_UNIT 64  /* TSC ticks */
/* From taking a request to giving it back: below a unit, two, four, … */
#define QUEUE_LATENCY_BUCKETS 24

/* One queue of a device, as a snapshot. A device without rings has one queue for each of its directions. */
struct queue_counters {
	char name[24]; /* "requests", "receive 0", … */
	uint64_t requests;
	uint64_t bytes;
	uint64_t kicks;		   /* notifications by the driver, an exit each */
	uint64_t kicks_suppressed; /* requests found without one */
	uint64_t interrupts;
	uint64_t interrupts_suppressed; /* completions that the driver wanted to hear nothing of */
	uint64_t depth[QUEUE_DEPTH_BUCKETS];
	uint64_t latency[QUEUE_LATENCY_BUCKETS];
};

/* What a kind of device has to tell beside its queues, as a snapshot. */
struct device_figure {
	const char *name; /* "reported_bytes": a key of --json */
	uint64_t value;
	bool adds_up; /* over power cycles; otherwise the last one counts */
};

/* A request that was taken at that TSC is given back now. */
static inline void queue_count_latency(struct queue_counters *counters, uint64_t taken_tsc)
{
	/* Two CPUs' counters may differ by a little: below zero is zero. */
	int64_t ticks = (int64_t)(__rdtsc() - taken_tsc);
	uint64_t units = ticks < 0 ? 0 : (uint64_t)ticks / QUEUE_LATENCY_UNIT;
	unsigned bucket = units ? 64 - (unsigned)__builtin_clzll(units) : 0;

	if (bucket >= QUEUE_LATENCY_BUCKETS)
		bucket = QUEUE_LATENCY_BUCKETS - 1;
	counters->latency[bucket]++;
}

/* "pio-read", "mmio-write", … */
const char *exit_reason_name(enum exit_reason reason);

#endif
