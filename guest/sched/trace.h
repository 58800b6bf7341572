/* SPDX-License-Identifier: MIT
 *
 * A ring of what the scheduler did: switches, wake-ups, migrations. Off until asked for ("trace=sched"
 * on the command line, or a write to /proc/sched_trace); then the newest TRACE_ENTRIES are kept.
 */
#ifndef GUEST_SCHED_TRACE_H
#define GUEST_SCHED_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;

#define TRACE_ENTRIES 4096

enum trace_format {
	TRACE_CSV,   /* time_ns,cpu,event,from,to,name,reason */
	TRACE_CHROME /* trace events, one JSON object per line (Trace Event Format, "JSON Array") */
};

extern bool trace_is_on;

/* Starts with an empty ring, or stops and keeps it. -ENOMEM: no memory for the ring. */
int trace_start(void);
void trace_stop(void);

void trace_record_switch(uint64_t now_ns, const struct task *from, const struct task *to,
			 bool preempted);
void trace_record_wake(const struct task *task);
void trace_record_migration(const struct task *task, unsigned from_cpu, unsigned to_cpu);

static inline void trace_switch(uint64_t now_ns, const struct task *from, const struct task *to,
				bool preempted)
{
	if (trace_is_on)
		trace_record_switch(now_ns, from, to, preempted);
}

static inline void trace_wake(const struct task *task)
{
	if (trace_is_on)
		trace_record_wake(task);
}

static inline void trace_migration(const struct task *task, unsigned from_cpu, unsigned to_cpu)
{
	if (trace_is_on)
		trace_record_migration(task, from_cpu, to_cpu);
}

/* The line at *position (0: the first) into text, and *position moved on: its length, 0 at the end.
 * Entries overwritten meanwhile are skipped. size should be 256. */
size_t trace_read_line(enum trace_format format, uint64_t *position, char *text, size_t size);

#endif
