/* SPDX-License-Identifier: MIT
 *
 * The DP8390's registers, in three pages, and the RTL8029's fourth (data sheet sections 9 and 10).
 * CR is in all of them.
 */
#include <string.h>

#include "dev/ne2000_internal.h"

#define UNKNOWN 0xff

enum { CONFIG_9346CR, CONFIG_0, CONFIG_2, CONFIG_3 };

static void update_line(struct ne2000 *n)
{
	bool level = n->isr & n->imr;

	if (level == n->line)
		return;
	n->line = level;
	n->counters.interrupts += level;
	pci_set_intx(&n->pci, level);
}

void ne2000_raise(struct ne2000 *n, uint8_t causes)
{
	n->counters.interrupts_suppressed += n->line && causes & n->imr;
	n->isr |= causes;
	update_line(n);
}

/* The addresses and the ring survive; a driver sets them anyway. A frame being sent is
 * forgotten. */
void ne2000_reset(struct ne2000 *n)
{
	n->cr = CR_STP | CR_DMA_ABORT;
	n->isr = ISR_RST;
	n->imr = 0;
	n->rbcr = 0;
	n->tx_wanted = false;
	n->tx_number++;
	update_line(n);
}

bool ne2000_can_receive(const struct ne2000 *n)
{
	return (n->cr & (CR_STP | CR_STA)) == CR_STA && !(n->rcr & RCR_MON) &&
	       !(n->tcr & TCR_LOOPBACK);
}

/* The thread waits for something that this write may have changed. */
static void look_again(struct ne2000 *n)
{
	if (!n->rx_wait || !ne2000_can_receive(n))
		return;
	n->rx_wait = false;
	n->counters.kicks++;
	ne2000_ring(n);
}

static void write_command(struct ne2000 *n, uint8_t value)
{
	n->cr = (value & (uint8_t)~CR_TXP) | (n->cr & CR_TXP);
	if (value & CR_STP) {
		n->isr |= ISR_RST; /* no interrupt: it has no mask bit */
	} else if (value & CR_STA) {
		n->isr &= (uint8_t)~ISR_RST;
		ne2000_dma_begin(n);
		look_again(n);
	}
	if (!(value & CR_TXP) || n->cr & CR_TXP || value & CR_STP)
		return;
	n->cr |= CR_TXP;
	n->tx_wanted = true;
	n->tx_number++;
	n->counters.kicks++;
	ne2000_ring(n);
}

static void set_low(uint16_t *word, uint8_t value)
{
	*word = (*word & 0xff00) | value;
}

static void set_high(uint16_t *word, uint8_t value)
{
	*word = (uint16_t)((*word & 0x00ff) | value << 8);
}

/* A one clears a cause. But drivers look at CURR, find the ring empty and then clear PRX: a
 * frame that comes between the two would wait for the next one to be noticed. On a wire that is
 * rare; here a frame that waited for room comes exactly then. So PRX stays while there are
 * frames. */
static void acknowledge(struct ne2000 *n, uint8_t value)
{
	n->isr &= (uint8_t) ~(value & IMR_DEFINED);
	if (value & ISR_PRX && ne2000_can_receive(n) && ne2000_ring_has_frames(n))
		n->isr |= ISR_PRX;
	update_line(n);
}

static void write_page0(struct ne2000 *n, unsigned offset, uint8_t value)
{
	switch (offset) {
	case 0x1: n->pstart = value; break;
	case 0x2: n->pstop = value; break;
	case 0x3:
		n->bnry = value;
		look_again(n);
		break;
	case 0x4: n->tpsr = value; break;
	case 0x5: set_low(&n->tbcr, value); break;
	case 0x6: set_high(&n->tbcr, value); break;
	case 0x7: acknowledge(n, value); break;
	case 0x8: set_low(&n->rsar, value); break;
	case 0x9: set_high(&n->rsar, value); break;
	case 0xa: set_low(&n->rbcr, value); break;
	case 0xb: set_high(&n->rbcr, value); break;
	case 0xc:
		n->rcr = value;
		look_again(n);
		break;
	case 0xd:
		n->tcr = value;
		look_again(n);
		break;
	case 0xe: n->dcr = value; break;
	case 0xf:
		n->imr = value & IMR_DEFINED;
		update_line(n);
		break;
	default: break;
	}
}

/* The local DMA's address (CLDA) is not kept: it reads as the remote one's, as nobody needs it. */
static uint8_t read_page0(const struct ne2000 *n, unsigned offset)
{
	switch (offset) {
	case 0x1:
	case 0x8: return (uint8_t)n->rsar;
	case 0x2:
	case 0x9: return (uint8_t)(n->rsar >> 8);
	case 0x3: return n->bnry;
	case 0x4: return n->tsr;
	case 0x7: return n->isr;
	case 0xa: return 'P'; /* the RTL8029's signature */
	case 0xb: return 'C';
	case 0xc: return n->rsr;
	default: return 0; /* collisions, FIFO, error counters */
	}
}

static void write_page1(struct ne2000 *n, unsigned offset, uint8_t value)
{
	if (offset <= 6)
		n->par[offset - 1] = value;
	else if (offset == 7)
		n->curr = value;
	else
		n->mar[offset - 8] = value;
}

static uint8_t read_page1(const struct ne2000 *n, unsigned offset)
{
	if (offset <= 6)
		return n->par[offset - 1];
	return offset == 7 ? n->curr : n->mar[offset - 8];
}

/* Page 2 shows what page 0 only takes; it is for diagnosis and cannot be written. */
static uint8_t read_page2(const struct ne2000 *n, unsigned offset)
{
	switch (offset) {
	case 0x1: return n->pstart;
	case 0x2: return n->pstop;
	case 0x4: return n->tpsr;
	case 0xc: return n->rcr | 0xc0; /* undefined bits read as ones */
	case 0xd: return n->tcr | 0xe0;
	case 0xe: return n->dcr | 0x80;
	case 0xf: return n->imr | 0x80;
	default: return UNKNOWN;
	}
}

static uint8_t read_page3(const struct ne2000 *n, unsigned offset)
{
	switch (offset) {
	case 0x1: return n->config[CONFIG_9346CR];
	case 0x3: return n->config[CONFIG_0];
	case 0x5: return n->config[CONFIG_2];
	case 0x6: return n->config[CONFIG_3];
	case 0xe: return 0x29; /* 8029ASID */
	case 0xf: return 0x80;
	default: return UNKNOWN;
	}
}

/* CONFIG2 and CONFIG3 are locked unless 9346CR has both EEM bits. */
static void write_page3(struct ne2000 *n, unsigned offset, uint8_t value)
{
	bool unlocked = (n->config[CONFIG_9346CR] & 0xc0) == 0xc0;

	if (offset == 0x1)
		n->config[CONFIG_9346CR] = value & 0xfe;
	else if (offset == 0x5 && unlocked)
		n->config[CONFIG_2] = value & 0xe0;
	else if (offset == 0x6 && unlocked)
		n->config[CONFIG_3] = value & 0x46; /* full duplex, sleep, power down */
}

uint8_t ne2000_register_read(struct ne2000 *n, unsigned offset)
{
	if (offset == 0)
		return n->cr;
	switch (n->cr >> CR_PAGE_SHIFT) {
	case 0: return read_page0(n, offset);
	case 1: return read_page1(n, offset);
	case 2: return read_page2(n, offset);
	default: return read_page3(n, offset);
	}
}

void ne2000_register_write(struct ne2000 *n, unsigned offset, uint8_t value)
{
	if (offset == 0) {
		write_command(n, value);
		return;
	}
	switch (n->cr >> CR_PAGE_SHIFT) {
	case 0: write_page0(n, offset, value); break;
	case 1: write_page1(n, offset, value); break;
	case 3: write_page3(n, offset, value); break;
	default: break;
	}
}

/* Of page 0: which page it is, a trace cannot know. */
const char *ne2000_register_name(unsigned offset)
{
	static const char *const names[] = {
		"CR",	 "PSTART", "PSTOP", "BNRY",  "TSR/TPSR", "TBCR0", "TBCR1", "ISR",
		"RSAR0", "RSAR1",  "RBCR0", "RBCR1", "RCR",	 "TCR",	  "DCR",   "IMR"};

	if (offset < sizeof(names) / sizeof(*names))
		return names[offset];
	return offset < 0x18 ? "data" : "reset";
}
