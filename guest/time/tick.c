/* SPDX-License-Identifier: MIT
 *
 * Ticks by TSC deadline where there is one (Intel SDM vol. 3 §10.5.4.1), else by the periodic timer.
 */
#include "guest/time/tick.h"

#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/lapic.h"
#include "guest/arch/trap.h"
#include "guest/time/clock.h"

static uint64_t period_tsc; /* the same on all CPUs */

static void tick(unsigned vector)
{
	struct cpu *cpu = cpu_this();
	uint64_t now;

	(void)vector;
	cpu->tick_count++;
	if (!cpu_features.tsc_deadline)
		return;
	cpu->next_tick_tsc += period_tsc;
	/* Late ticks are lost, not made up for; nor must a TSC that was set back stop them. */
	now = tsc_read();
	if (cpu->next_tick_tsc - now > period_tsc)
		cpu->next_tick_tsc = now + period_tsc;
	lapic_timer_deadline(cpu->next_tick_tsc);
}

static void wake(unsigned vector)
{
	(void)vector;
}

void tick_start(struct cpu *cpu)
{
	trap_set_handler(VECTOR_TICK, tick);
	trap_set_handler(VECTOR_WAKE, wake);
	if (!cpu_features.tsc_deadline) {
		lapic_timer_periodic(VECTOR_TICK, clock_info.lapic_hz / TICK_HZ);
		return;
	}
	period_tsc = clock_info.tsc_hz / TICK_HZ;
	lapic_timer_use_deadline(VECTOR_TICK);
	cpu->next_tick_tsc = tsc_read() + period_tsc;
	lapic_timer_deadline(cpu->next_tick_tsc);
}
