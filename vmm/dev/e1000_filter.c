/* SPDX-License-Identifier: MIT
 *
 * Which frames are for the guest (SDM 3.2.1, 13.5): exact addresses, multicast hash, VLAN,
 * promiscuous.
 */
#include <string.h>

#include "dev/e1000_internal.h"

static bool matches_exactly(struct e1000 *e, const uint8_t destination[6])
{
	uint32_t low;
	uint16_t high;

	memcpy(&low, destination, sizeof(low));
	memcpy(&high, destination + sizeof(low), sizeof(high));
	for (unsigned i = 0; i < E1000_RAR_COUNT; i++) {
		uint32_t rah = *e1000_reg(e, E1000_RAH + 8 * i);

		if (rah & RAH_AV && (uint16_t)rah == high &&
		    *e1000_reg(e, E1000_RAL + 8 * i) == low)
			return true;
	}
	return false;
}

/* 12 bits of the address's last two bytes name a bit of the table; RCTL.MO says which (SDM
 * 13.5.1). */
static bool matches_hash(struct e1000 *e, const uint8_t destination[6])
{
	static const unsigned shift[] = {4, 3, 2, 0};
	unsigned offset = *e1000_reg(e, E1000_RCTL) >> 12 & 3;
	unsigned high = (unsigned)destination[5] << 8 | destination[4];
	unsigned hash = high >> shift[offset] & 0xfff;

	return *e1000_reg(e, E1000_MTA + 4 * (hash >> 5)) >> (hash & 31) & 1;
}

static bool is_broadcast(const uint8_t destination[6])
{
	static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	return !memcmp(destination, everybody, sizeof(everybody));
}

bool e1000_filter_accepts(struct e1000 *e, const uint8_t destination[6], int vlan_tag)
{
	uint32_t rctl = *e1000_reg(e, E1000_RCTL);
	unsigned vlan = (unsigned)vlan_tag & 0xfff;

	if (vlan_tag >= 0 && rctl & RCTL_VFE &&
	    !(*e1000_reg(e, E1000_VFTA + 4 * (vlan >> 5)) >> (vlan & 31) & 1))
		return false;
	if (is_broadcast(destination) && rctl & RCTL_BAM)
		return true;
	if (rctl & (destination[0] & 1 ? RCTL_MPE : RCTL_UPE))
		return true;
	return matches_exactly(e, destination) ||
	       (destination[0] & 1 && matches_hash(e, destination));
}
