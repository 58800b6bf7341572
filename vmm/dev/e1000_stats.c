/* SPDX-License-Identifier: MIT
 *
 * Statistics registers (SDM 13.7): counters that a read clears and that stick at their maximum.
 * Those of events that cannot happen here (CRC errors, collisions, flow control) stay 0.
 */
#include "dev/e1000_internal.h"

#define FCS_BYTES 4

void e1000_count(struct e1000 *e, unsigned counter)
{
	uint32_t *reg = e1000_reg(e, counter);

	*reg += *reg != UINT32_MAX;
}

/* A counter of 64 bits in two registers. */
static void add64(struct e1000 *e, unsigned low, unsigned bytes)
{
	uint32_t *reg = e1000_reg(e, low);

	reg[1] += __builtin_add_overflow(reg[0], bytes, &reg[0]);
}

/* 64, 65 to 127, 128 to 255, 256 to 511, 512 to 1023, 1024 and more */
static unsigned size_class(unsigned wire_bytes)
{
	unsigned class = 0;

	while (class < 5 && wire_bytes >= (class == 0 ? 65u : 64u << class))
		class ++;
	return class;
}

static void count_kind(struct e1000 *e, const uint8_t destination[6], unsigned broadcast,
		       unsigned multicast)
{
	static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (!__builtin_memcmp(destination, everybody, sizeof(everybody)))
		e1000_count(e, broadcast);
	else if (destination[0] & 1)
		e1000_count(e, multicast);
}

void e1000_count_tx(struct e1000 *e, const uint8_t destination[6], unsigned len_bytes)
{
	unsigned wire_bytes = (len_bytes < 60 ? 60 : len_bytes) + FCS_BYTES;

	e1000_count(e, E1000_GPTC);
	e1000_count(e, E1000_TPT);
	e1000_count(e, E1000_PTC64 + 4 * size_class(wire_bytes));
	add64(e, E1000_GOTCL, wire_bytes);
	add64(e, E1000_TOTL, wire_bytes);
	count_kind(e, destination, E1000_BPTC, E1000_MPTC);
	e->counters.tx_frames++;
	e->counters.tx_bytes += len_bytes;
}

void e1000_count_rx(struct e1000 *e, const uint8_t destination[6], unsigned len_bytes)
{
	unsigned wire_bytes = len_bytes + FCS_BYTES;

	e1000_count(e, E1000_GPRC);
	e1000_count(e, E1000_TPR);
	e1000_count(e, E1000_PRC64 + 4 * size_class(wire_bytes));
	add64(e, E1000_GORCL, wire_bytes);
	add64(e, E1000_TORL, wire_bytes);
	count_kind(e, destination, E1000_BPRC, E1000_MPRC);
	e->counters.rx_frames++;
	e->counters.rx_bytes += len_bytes;
}

static bool is_high_half(unsigned offset)
{
	return offset == E1000_GORCL + 4 || offset == E1000_GOTCL + 4 || offset == E1000_TORL + 4 ||
	       offset == E1000_TOTL + 4;
}

/* The high half of a pair is read last and clears both (SDM 13.7.23). */
uint32_t e1000_stats_read(struct e1000 *e, unsigned offset)
{
	uint32_t *reg = e1000_reg(e, offset);
	uint32_t value = *reg;
	bool is_low_half = offset + 4 < E1000_STATISTICS_END && is_high_half(offset + 4);

	if (!is_low_half)
		*reg = 0;
	if (is_high_half(offset))
		reg[-1] = 0;
	return value;
}
