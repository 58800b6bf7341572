/* SPDX-License-Identifier: MIT
 *
 * The register file: power-on values, which bits a guest may write, and what its writes set off.
 */
#include <stdlib.h>
#include <string.h>

#include "dev/e1000_internal.h"

#define DELAY_FLUSH (1u << 31) /* RDTR.FPD, TIDV.FPD */
#define PBA_DEFAULT 0x00100030 /* 48 KiB to receive, 16 KiB to send (SDM 13.4.20) */

/* Registers that are memory as far as a guest can tell, with the bits that they have. */
static const struct range {
	uint16_t first, last;
	uint32_t mask;
} storage[] = {
	{0x0018, 0x0018, UINT32_MAX}, /* CTRL_EXT */
	{0x0028, 0x0030, UINT32_MAX}, /* FCAL, FCAH, FCT */
	{E1000_VET, E1000_VET, 0xffff},
	{E1000_ITR, E1000_ITR, 0xffff},
	{0x0170, 0x0178, UINT32_MAX}, /* FCTTV, TXCW */
	{E1000_RCTL, E1000_RCTL, 0x0fffffff},
	{E1000_TCTL, E1000_TCTL, 0x07fffffb},
	{0x0410, 0x0410, 0x3fffffff}, /* TIPG */
	{0x0458, 0x0458, 0xffff},     /* AIFS */
	{0x0e00, 0x0e00, UINT32_MAX}, /* LEDCTL */
	{E1000_PBA, E1000_PBA, 0x00ff00ff},
	{0x2160, 0x2168, UINT32_MAX}, /* FCRTL, FCRTH */
	{E1000_RDBAL, E1000_RDBAL, 0xfffffff0},
	{E1000_RDBAH, E1000_RDBAH, UINT32_MAX},
	{E1000_RDLEN, E1000_RDLEN, 0xfff80},
	{E1000_RDH, E1000_RDH, 0xffff},
	{E1000_RDT, E1000_RDT, 0xffff},
	{E1000_RDTR, E1000_RDTR, 0xffff},
	{0x2828, 0x2828, UINT32_MAX}, /* RXDCTL */
	{E1000_RADV, E1000_RADV, 0xffff},
	{E1000_TDBAL, E1000_TDBAL, 0xfffffff0},
	{E1000_TDBAH, E1000_TDBAH, UINT32_MAX},
	{E1000_TDLEN, E1000_TDLEN, 0xfff80},
	{E1000_TDH, E1000_TDH, 0xffff},
	{E1000_TDT, E1000_TDT, 0xffff},
	{E1000_TIDV, E1000_TIDV, 0xffff},
	{E1000_TXDCTL, E1000_TXDCTL, UINT32_MAX},
	{E1000_TADV, E1000_TADV, 0xffff},
	{0x3830, 0x3830, UINT32_MAX}, /* TSPMT */
	{E1000_RXCSUM, E1000_RXCSUM, 0x3ff},
	{E1000_MTA, E1000_MTA + 4 * (E1000_MTA_WORDS - 1), UINT32_MAX},
	{E1000_RAL, E1000_RAL + 8 * E1000_RAR_COUNT - 4, UINT32_MAX},
	{E1000_VFTA, E1000_VFTA + 4 * (E1000_VFTA_WORDS - 1), UINT32_MAX},
	{0x5800, 0x5820, UINT32_MAX}, /* wake-up and management: kept, without effect */
};

static const struct range *find_storage(unsigned offset)
{
	for (size_t i = 0; i < sizeof(storage) / sizeof(*storage); i++)
		if (offset >= storage[i].first && offset <= storage[i].last)
			return &storage[i];
	return NULL;
}

/* --- reset */

static void load_address(struct e1000 *e)
{
	uint32_t low;
	uint16_t high;

	memcpy(&low, e->eeprom.word, sizeof(low));
	memcpy(&high, &e->eeprom.word[2], sizeof(high));
	*e1000_reg(e, E1000_RAL) = low;
	*e1000_reg(e, E1000_RAH) = RAH_AV | high;
}

/* The EEPROM's conversation and what the driver must not lose (delays of the PHY) stay. */
void e1000_reset(struct e1000 *e)
{
	memset(e->reg, 0, sizeof(e->reg));
	*e1000_reg(e, E1000_CTRL) = 1; /* full duplex */
	*e1000_reg(e, E1000_STATUS) = STATUS_FD | STATUS_SPEED_1000 | STATUS_ASDV_1000 |
				      STATUS_MTXCKOK | (e1000_link_is_up(e) ? STATUS_LU : 0);
	*e1000_reg(e, E1000_EECD) = EECD_FWE_DISABLE;
	*e1000_reg(e, E1000_PBA) = PBA_DEFAULT;
	load_address(e);
	e1000_interrupt_reset(e);
	e1000_tx_reset(e->tx);
	e1000_rx_reset(e->rx);
	e->tx_asleep = e->rx_starved = true;
}

static void write_ctrl(struct e1000 *e, uint32_t value)
{
	if (value & CTRL_RST) {
		e1000_quiesce(e);
		e1000_reset(e);
		return;
	}
	if (value & CTRL_PHY_RST)
		e1000_phy_reset(e);
	*e1000_reg(e, E1000_CTRL) = value & ~(CTRL_RST | CTRL_PHY_RST);
	e1000_link_changed(e);
}

/* --- writes */

/* A write that the worker must not see half-way through its batch. */
static void write_at_rest(struct e1000 *e, unsigned offset, uint32_t value)
{
	e1000_quiesce(e);
	*e1000_reg(e, offset) = value;
	if (offset == E1000_TDH || (offset == E1000_TCTL && !(value & TCTL_EN)))
		e1000_tx_reset(e->tx);
	if (offset == E1000_RCTL && !(value & RCTL_EN))
		e1000_rx_reset(e->rx);
}

static void write_tail(struct e1000 *e, unsigned offset, uint32_t value, bool *wanted)
{
	*e1000_reg(e, offset) = value;
	if (*wanted) {
		*wanted = false;
		e->counters.kicks++;
		e1000_ring(e);
	} else {
		e->counters.kicks_suppressed++;
	}
}

static void write_storage(struct e1000 *e, unsigned offset, uint32_t value)
{
	const struct range *range = find_storage(offset);

	if (!range)
		return;
	bool flush = value & DELAY_FLUSH;

	value &= range->mask;
	switch (offset) {
	case E1000_TDT: write_tail(e, offset, value, &e->tx_asleep); break;
	case E1000_RDT:
		atomic_store(&e->rx_wanted, e->rx_starved || atomic_load(&e->rx_wanted));
		write_tail(e, offset, value, &e->rx_starved);
		break;
	case E1000_RCTL:
	case E1000_TCTL:
	case E1000_RDBAL ... E1000_RDH:
	case E1000_TDBAL ... E1000_TDH: write_at_rest(e, offset, value); break;
	case E1000_RDTR:
	case E1000_TIDV:
		*e1000_reg(e, offset) = value;
		if (flush)
			e1000_raise_delayed(e);
		break;
	case E1000_ITR:
		*e1000_reg(e, offset) = value;
		e1000_interrupt_update(e);
		break;
	default: *e1000_reg(e, offset) = value; break;
	}
}

void e1000_register_write(struct e1000 *e, unsigned offset, uint32_t value)
{
	uint32_t *eecd = e1000_reg(e, E1000_EECD);

	switch (offset) {
	case E1000_CTRL:
	case E1000_CTRL + 4: write_ctrl(e, value); break; /* its duplicate, SDM 13.4.1 */
	case E1000_EECD:
		e1000_eecd_write(&e->eeprom, *eecd, value);
		*eecd = value;
		break;
	case E1000_EERD: *e1000_reg(e, offset) = e1000_eerd(&e->eeprom, value); break;
	case E1000_MDIC: e1000_mdic_write(e, value); break;
	case E1000_ICR: /* writing a one clears it */
		*e1000_reg(e, E1000_ICR) &= ~value;
		e1000_interrupt_update(e);
		break;
	case E1000_ICS: e1000_raise(e, value); break;
	case E1000_IMS:
		*e1000_reg(e, E1000_IMS) |= value & ICR_CAUSES;
		e1000_interrupt_update(e);
		break;
	case E1000_IMC:
		*e1000_reg(e, E1000_IMS) &= ~value;
		e1000_interrupt_update(e);
		break;
	default: write_storage(e, offset, value); break;
	}
}

/* --- reads */

uint32_t e1000_register_read(struct e1000 *e, unsigned offset)
{
	if (offset >= E1000_REGISTERS_END)
		return 0;
	if (offset >= E1000_CRCERRS && offset < E1000_STATISTICS_END)
		return e1000_stats_read(e, offset);
	switch (offset) {
	case E1000_CTRL + 4: return *e1000_reg(e, E1000_CTRL);
	case E1000_EECD: return e1000_eecd_read(&e->eeprom, *e1000_reg(e, E1000_EECD));
	case E1000_ICR: return e1000_icr_read(e);
	case E1000_ICS:
	case E1000_IMC: return 0; /* write-only */
	default: return *e1000_reg(e, offset);
	}
}

const char *e1000_register_name(unsigned offset)
{
	static const struct {
		uint16_t offset;
		const char *name;
	} names[] = {
		{E1000_CTRL, "CTRL"},	{E1000_STATUS, "STATUS"}, {E1000_EECD, "EECD"},
		{E1000_EERD, "EERD"},	{E1000_MDIC, "MDIC"},	  {E1000_ICR, "ICR"},
		{E1000_ITR, "ITR"},	{E1000_ICS, "ICS"},	  {E1000_IMS, "IMS"},
		{E1000_IMC, "IMC"},	{E1000_RCTL, "RCTL"},	  {E1000_TCTL, "TCTL"},
		{E1000_PBA, "PBA"},	{E1000_RDBAL, "RDBAL"},	  {E1000_RDBAH, "RDBAH"},
		{E1000_RDLEN, "RDLEN"}, {E1000_RDH, "RDH"},	  {E1000_RDT, "RDT"},
		{E1000_RDTR, "RDTR"},	{E1000_RADV, "RADV"},	  {E1000_TDBAL, "TDBAL"},
		{E1000_TDBAH, "TDBAH"}, {E1000_TDLEN, "TDLEN"},	  {E1000_TDH, "TDH"},
		{E1000_TDT, "TDT"},	{E1000_TIDV, "TIDV"},	  {E1000_TXDCTL, "TXDCTL"},
		{E1000_TADV, "TADV"},	{E1000_RXCSUM, "RXCSUM"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].offset == offset)
			return names[i].name;
	if (offset >= E1000_CRCERRS && offset < E1000_STATISTICS_END)
		return "statistics";
	if (offset >= E1000_MTA && offset < E1000_MTA + 4 * E1000_MTA_WORDS)
		return "MTA";
	if (offset >= E1000_RAL && offset < E1000_RAL + 8 * E1000_RAR_COUNT)
		return offset & 4 ? "RAH" : "RAL";
	return NULL;
}
