/* SPDX-License-Identifier: MIT
 *
 * The tick: TICK_HZ interrupts a second on each CPU.
 */
#ifndef GUEST_TIME_TICK_H
#define GUEST_TIME_TICK_H

#define TICK_HZ 100

struct cpu;

/* Starts it on the running CPU. */
void tick_start(struct cpu *cpu);

#endif
