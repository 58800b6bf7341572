/* SPDX-License-Identifier: MIT
 *
 * The PHY behind MDIC: registers of an 88E1011 (SDM 13.4.6 and chapter 11; IEEE 802.3 clause 22).
 * Negotiation takes no time and always ends with 1000 Mb/s, full duplex.
 */
#include "dev/e1000_internal.h"

#define PHY_ADDRESS 1

enum {
	PHY_CONTROL = 0,
	PHY_STATUS = 1,
	PHY_ID1 = 2,
	PHY_ID2 = 3,
	PHY_ADVERTISEMENT = 4,
	PHY_PARTNER = 5,
	PHY_EXPANSION = 6,
	PHY_1000T_CONTROL = 9,
	PHY_1000T_STATUS = 10,
	PHY_EXTENDED_STATUS = 15,
	PHY_SPECIFIC_CONTROL = 16,
	PHY_SPECIFIC_STATUS = 17,
	PHY_EXTENDED_CONTROL = 20
};

enum {
	CONTROL_DEFAULT = 0x1140,	/* negotiate, full duplex, 1000 */
	CONTROL_SELF_CLEARING = 0x8200, /* reset, restart */
	CONTROL_RESET = 0x8000,
	CONTROL_POWER_DOWN = 0x0800,
	STATUS_ABILITIES = 0x7949,
	STATUS_NEGOTIATED = 0x0020,
	STATUS_LINK = 0x0004,
	SPECIFIC_STATUS_UP = 0xac00, /* 1000, full duplex, resolved, link */
};

static const uint16_t power_on[E1000_PHY_REGISTERS] = {
	[PHY_CONTROL] = CONTROL_DEFAULT,
	[PHY_ID1] = 0x0141,
	[PHY_ID2] = 0x0c20,
	[PHY_ADVERTISEMENT] = 0x01e1,
	[PHY_PARTNER] = 0x41e1, /* all of 10 and 100, acknowledged */
	[PHY_EXPANSION] = 0x0001,
	[PHY_1000T_CONTROL] = 0x0300,
	[PHY_1000T_STATUS] = 0x3c00, /* both receivers fine, partner has 1000 */
	[PHY_EXTENDED_STATUS] = 0x3000,
	[PHY_SPECIFIC_CONTROL] = 0x0068,
	[PHY_EXTENDED_CONTROL] = 0x0d60,
};

static bool is_writable(unsigned number)
{
	return number == PHY_CONTROL || number == PHY_ADVERTISEMENT || number == 7 ||
	       number == PHY_1000T_CONTROL || number == PHY_SPECIFIC_CONTROL || number == 18 ||
	       number == PHY_EXTENDED_CONTROL || (number >= 24 && number < E1000_PHY_REGISTERS);
}

void e1000_phy_reset(struct e1000 *e)
{
	for (unsigned i = 0; i < E1000_PHY_REGISTERS; i++)
		e->phy[i] = power_on[i];
}

bool e1000_phy_is_powered(const struct e1000 *e)
{
	return !(e->phy[PHY_CONTROL] & CONTROL_POWER_DOWN);
}

static uint16_t read_phy(const struct e1000 *e, unsigned number)
{
	bool up = e1000_link_is_up(e);

	switch (number) {
	case PHY_STATUS: return STATUS_ABILITIES | (up ? STATUS_NEGOTIATED | STATUS_LINK : 0);
	case PHY_SPECIFIC_STATUS: return up ? SPECIFIC_STATUS_UP : 0;
	case PHY_PARTNER:
	case PHY_1000T_STATUS: return up ? e->phy[number] : 0;
	default: return e->phy[number];
	}
}

static void write_phy(struct e1000 *e, unsigned number, uint16_t value)
{
	bool was_powered = e1000_phy_is_powered(e);

	if (!is_writable(number))
		return;
	if (number == PHY_CONTROL && value & CONTROL_RESET)
		e1000_phy_reset(e);
	else
		e->phy[number] = number == PHY_CONTROL ? value & (uint16_t)~CONTROL_SELF_CLEARING
						       : value;
	if (was_powered != e1000_phy_is_powered(e))
		e1000_link_changed(e);
}

void e1000_mdic_write(struct e1000 *e, uint32_t value)
{
	uint32_t *mdic = e1000_reg(e, E1000_MDIC);
	unsigned number = value >> 16 & 0x1f;
	bool is_read = value & MDIC_OP_READ;

	*mdic = (value & ~(uint32_t)MDIC_ERROR) | MDIC_READY;
	if ((value >> 21 & 0x1f) != PHY_ADDRESS || is_read == !!(value & MDIC_OP_WRITE))
		*mdic |= MDIC_ERROR;
	else if (is_read)
		*mdic = (*mdic & ~0xffffu) | read_phy(e, number);
	else
		write_phy(e, number, (uint16_t)value);
	if (value & MDIC_INTERRUPT)
		e1000_raise(e, ICR_MDAC);
}

void e1000_link_changed(struct e1000 *e)
{
	uint32_t *status = e1000_reg(e, E1000_STATUS);
	bool up = e1000_link_is_up(e);

	if (up == !!(*status & STATUS_LU))
		return;
	*status ^= STATUS_LU;
	e1000_raise(e, ICR_LSC);
}
