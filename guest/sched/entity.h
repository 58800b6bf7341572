/* SPDX-License-Identifier: MIT
 *
 * What the scheduler keeps of each task. Guarded by the lock of its CPU's run queue.
 */
#ifndef GUEST_SCHED_ENTITY_H
#define GUEST_SCHED_ENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/lib/list.h"
#include "guest/lib/tree.h"

/* Linux's numbers. */
enum sched_policy {
	SCHED_NORMAL = 0,
	SCHED_FIFO = 1,
	SCHED_RR = 2,
	SCHED_BATCH = 3,
	SCHED_IDLE = 5
};

#define NICE_MIN (-20)
#define NICE_MAX 19

struct sched_entity {
	uint32_t cpu;	      /* index of the CPU whose queue it is in, or where it last ran */
	uint64_t allowed;     /* CPUs that it may run on, one bit each */
	uint8_t policy;	      /* enum sched_policy */
	int8_t nice;	      /* NICE_MIN to NICE_MAX */
	uint8_t priority;     /* real time: 1 to 99; else 0 */
	bool queued;	      /* in a run queue (not while it runs) */
	bool reset_on_fork;   /* children are SCHED_NORMAL */
	uint8_t user_share;   /* how much of its time samples found in user mode, in 1/256 */
	uint16_t io_priority; /* as ioprio_set(2) has it; nobody looks at it */
	uint32_t weight;      /* of its nice level; 1,024 at 0 */
	uint64_t vruntime;    /* ns, weighted; fair class */
	uint64_t slice_end_ns;
	struct tree_node by_vruntime; /* in the fair queue */
	struct list by_priority;      /* in a real-time list */

	/* Accounting, ns and counts. user + system is what it ran. */
	uint64_t user_ns, system_ns, wait_ns, steal_ns;
	uint64_t switches_voluntary, switches_involuntary;
	uint64_t since_ns; /* when it began to run, or to wait for a CPU; 0: new */
};

#endif
