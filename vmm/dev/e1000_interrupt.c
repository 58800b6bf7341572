/* SPDX-License-Identifier: MIT
 *
 * Causes, mask and throttle (SDM 3.4.3, 13.4.17 to 13.4.21):
 *
 *     raise ────────────────▶ ICR ── & IMS ──▶ throttle (ITR) ──▶ INTA#
 *     raise_later ── timer ──▲
 *
 * The throttle lets the line rise at once after a pause and then once in ITR * 256 ns. One loop
 * timer serves it and the delayed causes, and it is armed only while something waits.
 */
#include "dev/e1000_internal.h"
#include "dev/host_clock.h"
#include "loop/loop.h"

#define ITR_UNIT_NS 256

static uint64_t now_ns(void)
{
	return (uint64_t)host_clock_monotonic_ns();
}

/* The timer is left to expire early rather than set again: nothing happens then. */
static void wake_at(struct e1000 *e, uint64_t due_ns, uint64_t now)
{
	struct e1000_interrupt *in = &e->interrupt;

	if (in->timer_due_ns && in->timer_due_ns <= due_ns)
		return;
	in->timer_due_ns = due_ns;
	loop_timer_arm(e->timer, due_ns > now ? due_ns - now : 1);
}

static void set_line(struct e1000 *e, bool level)
{
	if (level == e->interrupt.level)
		return;
	e->interrupt.level = level;
	e->counters.interrupts += level;
	pci_set_intx(&e->pci, level);
}

/* Before that the line does not rise. */
static uint64_t throttle_end_ns(const struct e1000 *e)
{
	uint64_t raised_ns = e->interrupt.raised_ns;

	return raised_ns ? raised_ns + (uint64_t)e->reg[E1000_ITR / 4] * ITR_UNIT_NS : 0;
}

static void update(struct e1000 *e, uint64_t now)
{
	struct e1000_interrupt *in = &e->interrupt;
	uint64_t end_ns = throttle_end_ns(e);

	if (!(*e1000_reg(e, E1000_ICR) & *e1000_reg(e, E1000_IMS))) {
		set_line(e, false);
	} else if (!in->level && now < end_ns) {
		e->counters.interrupts_suppressed++;
		wake_at(e, end_ns, now);
	} else if (!in->level) {
		in->raised_ns = now;
		set_line(e, true);
	}
}

void e1000_interrupt_update(struct e1000 *e)
{
	update(e, now_ns());
}

void e1000_raise(struct e1000 *e, uint32_t causes)
{
	uint32_t *icr = e1000_reg(e, E1000_ICR);

	*icr |= causes & ICR_CAUSES;
	if (e->interrupt.level)
		e->counters.interrupts_suppressed++;
	else if (*icr & *e1000_reg(e, E1000_IMS))
		e1000_interrupt_update(e);
}

void e1000_raise_delayed(struct e1000 *e)
{
	uint32_t causes = e->interrupt.delayed;

	e->interrupt.delayed = 0;
	if (causes)
		e1000_raise(e, causes);
}

void e1000_raise_later(struct e1000 *e, uint32_t causes, uint64_t delay_ns)
{
	struct e1000_interrupt *in = &e->interrupt;
	uint64_t now = delay_ns ? now_ns() : 0;

	/* no timer for what joins a line that is up, or that the throttle holds back for longer */
	if (!delay_ns || in->level || now + delay_ns <= throttle_end_ns(e)) {
		e1000_raise(e, causes);
		return;
	}
	if (!in->delayed || in->delayed_due_ns > now + delay_ns)
		in->delayed_due_ns = now + delay_ns;
	in->delayed |= causes;
	wake_at(e, in->delayed_due_ns, now);
}

void e1000_timer_expired(void *ctx)
{
	struct e1000 *e = ctx;
	struct e1000_interrupt *in = &e->interrupt;

	pthread_mutex_lock(&e->pci.dev.lock);
	uint64_t now = now_ns();

	in->timer_due_ns = 0;
	if (in->delayed && now >= in->delayed_due_ns)
		e1000_raise_delayed(e);
	else if (in->delayed)
		wake_at(e, in->delayed_due_ns, now);
	update(e, now);
	pthread_mutex_unlock(&e->pci.dev.lock);
}

void e1000_interrupt_reset(struct e1000 *e)
{
	e->interrupt.delayed = 0;
	e->interrupt.raised_ns = 0;
	*e1000_reg(e, E1000_ICR) = 0;
	*e1000_reg(e, E1000_IMS) = 0;
	set_line(e, false);
}

/* Reading takes all causes (SDM 13.4.17). Delayed ones of a driver that is here anyway come
 * along: one interrupt less. */
uint32_t e1000_icr_read(struct e1000 *e)
{
	uint32_t *icr = e1000_reg(e, E1000_ICR);
	uint32_t value = *icr | e->interrupt.delayed;

	if (e->interrupt.level)
		value |= ICR_INT_ASSERTED;
	*icr = 0;
	e->interrupt.delayed = 0;
	set_line(e, false);
	return value;
}
