/* SPDX-License-Identifier: MIT
 *
 * PIT channel 0 counts down from 65535 at 1.193182 MHz; its value can be latched and read (Intel 8254
 * datasheet, "Counter Latch Command"). Its interrupt is masked, and nothing else of it is used.
 */
#include "guest/time/pit.h"

#include "guest/arch/insn.h"
#include "guest/arch/lapic.h"

#define PIT_HZ 1193182
#define PIT_TICKS (PIT_HZ / 200) /* 5 ms */
#define PIT_START 0xffff
#define PIT_CHANNEL0 0x40
#define PIT_COMMAND 0x43
#define CHANNEL0_MODE0 0x30
#define CHANNEL0_LATCH 0x00
#define POLL_MAX 200000

static uint16_t elapsed(void)
{
	uint16_t count;

	io_write8(PIT_COMMAND, CHANNEL0_LATCH);
	count = io_read8(PIT_CHANNEL0);
	count |= io_read8(PIT_CHANNEL0) << 8;
	return PIT_START - count;
}

bool pit_measure(uint64_t *tsc_hz, uint64_t *lapic_hz)
{
	uint32_t polls = 0;
	uint64_t tsc, ticks;

	io_write8(PIT_COMMAND, CHANNEL0_MODE0);
	io_write8(PIT_CHANNEL0, PIT_START & 0xff);
	lapic_timer_periodic(0, UINT32_MAX);
	tsc = tsc_read();
	io_write8(PIT_CHANNEL0, PIT_START >> 8); /* starts counting */
	while ((ticks = elapsed()) < PIT_TICKS)
		if (++polls == POLL_MAX)
			return false; /* nobody counts */
	tsc = tsc_read() - tsc;
	*tsc_hz = tsc * PIT_HZ / ticks;
	*lapic_hz = (uint64_t)(UINT32_MAX - lapic_timer_left()) * PIT_HZ / ticks;
	lapic_timer_periodic(0, 0);
	return true;
}
