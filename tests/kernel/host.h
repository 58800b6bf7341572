/* SPDX-License-Identifier: MIT
 *
 * What the fakes offer to tests of kernel sources on the host. Fakes are single-threaded; one is used
 * only where the test doesn't bring the real thing (by including its .c file).
 */
#ifndef TESTS_KERNEL_HOST_H
#define TESTS_KERNEL_HOST_H

#include <stdint.h>

struct task;

/* Maps RAM [0, bytes) and gives it to the page allocator; the second call does nothing. */
void host_ram_start(uint64_t bytes);
void host_ram_map(uint64_t bytes); /* without the second part */

extern struct task *host_task; /* what task_this() returns; its space is what user_read() reads */
extern uint64_t host_clock_ns;
extern unsigned host_tlb_flushes; /* calls of tlb_flush_range() */
extern unsigned host_signals_sent;

#endif
