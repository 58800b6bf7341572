/* SPDX-License-Identifier: MIT
 *
 * Packet memory: the data port (remote DMA), and the receive ring. See ne2000_internal.h for the
 * map.
 */
#include <string.h>

#include "dev/ne2000_internal.h"

#define HEADER_BYTES 4u /* status, next page, byte count */
#define FCS_BYTES 4u	/* takes room in the ring, and is zeros */
#define CRC_POLYNOMIAL 0x04c11db7u

/* --- bytes. Where there is no memory, reads give ones and writes vanish. */

static uint8_t load(const struct ne2000 *n, unsigned address)
{
	if (address < NE2000_PROM_BYTES)
		return n->prom[address];
	if (address - NE2000_RAM_START < sizeof(n->ram))
		return n->ram[address - NE2000_RAM_START];
	return 0xff;
}

static void store(struct ne2000 *n, unsigned address, uint8_t value)
{
	if (address - NE2000_RAM_START < sizeof(n->ram))
		n->ram[address - NE2000_RAM_START] = value;
}

/* --- remote DMA (data sheet section 12) */

static bool dma_runs(const struct ne2000 *n, unsigned direction)
{
	return (n->cr & CR_DMA) == direction && n->rbcr;
}

/* The address wraps at the ring's end, so that a frame that does is read in one go. */
static void dma_advance(struct ne2000 *n, unsigned bytes)
{
	n->rsar = (uint16_t)(n->rsar + bytes);
	if (n->rsar == n->pstop << 8)
		n->rsar = (uint16_t)(n->pstart << 8);
	n->rbcr = n->rbcr > bytes ? (uint16_t)(n->rbcr - bytes) : 0;
	if (!n->rbcr)
		ne2000_raise(n, ISR_RDC);
}

void ne2000_dma_begin(struct ne2000 *n)
{
	if (!n->rbcr && (n->cr & CR_DMA) != CR_DMA_ABORT && n->cr & CR_DMA)
		ne2000_raise(n, ISR_RDC);
}

/* One transfer of the DMA: a word with DCR.WTS, of which a narrower access sees the low byte. */
static uint16_t read_unit(struct ne2000 *n)
{
	unsigned unit = n->dcr & DCR_WTS ? 2 : 1;
	uint16_t value;

	if (!dma_runs(n, CR_DMA_READ))
		return 0xffff;
	value = load(n, n->rsar);
	if (unit == 2)
		value |= (uint16_t)(load(n, n->rsar + 1u) << 8);
	dma_advance(n, unit);
	return value;
}

static void write_unit(struct ne2000 *n, uint16_t value)
{
	unsigned unit = n->dcr & DCR_WTS ? 2 : 1;

	if (!dma_runs(n, CR_DMA_WRITE))
		return;
	store(n, n->rsar, (uint8_t)value);
	if (unit == 2)
		store(n, n->rsar + 1u, (uint8_t)(value >> 8));
	dma_advance(n, unit);
}

uint32_t ne2000_data_read(struct ne2000 *n, unsigned width)
{
	unsigned unit = n->dcr & DCR_WTS ? 2 : 1;
	uint32_t value = read_unit(n);

	for (unsigned at = unit; at < width && at < sizeof(value); at += unit)
		value |= (uint32_t)read_unit(n) << at * 8;
	return value;
}

void ne2000_data_write(struct ne2000 *n, unsigned width, uint32_t value)
{
	unsigned unit = n->dcr & DCR_WTS ? 2 : 1;

	for (unsigned at = 0; at < width; at += unit)
		write_unit(n, (uint16_t)(value >> at * 8));
}

/* How many of len_bytes lie in plain packet RAM in front of the ring's end and the end of the
 * transfer: what can be copied at once. Accesses narrower than a word's transfer cannot. */
static unsigned plain_span(const struct ne2000 *n, unsigned direction, unsigned width,
			   unsigned len_bytes)
{
	unsigned stop = n->pstop * NE2000_PAGE_BYTES;
	unsigned end = n->rsar < stop && stop < NE2000_RAM_END ? stop : NE2000_RAM_END;

	if (!dma_runs(n, direction) || n->rsar < NE2000_RAM_START || n->rsar >= NE2000_RAM_END ||
	    (n->dcr & DCR_WTS && width < 2))
		return 0;
	len_bytes = len_bytes < end - n->rsar ? len_bytes : end - n->rsar;
	len_bytes = len_bytes < n->rbcr ? len_bytes : n->rbcr;
	return len_bytes - len_bytes % width;
}

void ne2000_data_read_string(struct ne2000 *n, unsigned width, uint8_t *data, unsigned count)
{
	unsigned span = plain_span(n, CR_DMA_READ, width, count * width), at = span;

	if (span) {
		memcpy(data, &n->ram[n->rsar - NE2000_RAM_START], span);
		dma_advance(n, span);
	}
	for (; at < count * width; at += width) {
		uint32_t value = ne2000_data_read(n, width);

		memcpy(data + at, &value, width);
	}
}

void ne2000_data_write_string(struct ne2000 *n, unsigned width, const uint8_t *data, unsigned count)
{
	unsigned span = plain_span(n, CR_DMA_WRITE, width, count * width), at = span;

	if (span) {
		memcpy(&n->ram[n->rsar - NE2000_RAM_START], data, span);
		dma_advance(n, span);
	}
	for (; at < count * width; at += width) {
		uint32_t value = 0;

		memcpy(&value, data + at, width);
		ne2000_data_write(n, width, value);
	}
}

unsigned ne2000_fetch_frame(const struct ne2000 *n, uint8_t *to, unsigned max)
{
	unsigned start = (unsigned)n->tpsr << 8, bytes = n->tbcr < max ? n->tbcr : max;

	if (start < NE2000_RAM_START || start >= NE2000_RAM_END || bytes > NE2000_RAM_END - start)
		return 0;
	memcpy(to, &n->ram[start - NE2000_RAM_START], bytes);
	return bytes;
}

/* --- address filter */

/* The hash is the top of the Ethernet CRC, most significant bit first (data sheet section 11,
 * MAR). */
static unsigned multicast_hash(const uint8_t destination[6])
{
	uint32_t crc = UINT32_MAX;

	for (unsigned bit = 0; bit < 48; bit++) {
		bool top = (crc >> 31) ^ (destination[bit / 8] >> bit % 8 & 1);

		crc = crc << 1 ^ (top ? CRC_POLYNOMIAL : 0);
	}
	return crc >> 26;
}

static bool is_wanted(const struct ne2000 *n, const uint8_t destination[6])
{
	static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	unsigned hash;

	if (!memcmp(destination, everybody, sizeof(everybody)))
		return n->rcr & RCR_AB;
	if (!(destination[0] & 1))
		return n->rcr & RCR_PRO || !memcmp(destination, n->par, sizeof(n->par));
	if (!(n->rcr & RCR_AM))
		return n->rcr & RCR_PRO;
	hash = multicast_hash(destination);
	return n->mar[hash / 8] >> hash % 8 & 1;
}

/* --- receive ring */

static bool ring_is_sound(const struct ne2000 *n)
{
	return n->pstart >= NE2000_RAM_START >> 8 && n->pstart < n->pstop &&
	       n->pstop <= NE2000_RAM_END >> 8 && n->curr >= n->pstart && n->curr < n->pstop;
}

/* Linux writes the page in front of the one that it reads next, and that is not in the ring when the
 * next one is the first: it means the last. */
static unsigned boundary(const struct ne2000 *n)
{
	return n->bnry >= n->pstart && n->bnry < n->pstop ? n->bnry : n->pstop - 1u;
}

/* Drivers keep BNRY at the last page that they have read, or at the first that they have not: both are
 * empty rings. */
bool ne2000_ring_has_frames(const struct ne2000 *n)
{
	unsigned next = boundary(n) + 1;

	if (!ring_is_sound(n))
		return false;
	return n->curr != boundary(n) && n->curr != (next == n->pstop ? n->pstart : next);
}

/* CURR == BNRY is the empty ring. */
static unsigned free_pages(const struct ne2000 *n)
{
	unsigned pages = n->pstop - n->pstart, end = boundary(n);

	return n->curr < end ? end - n->curr : pages - (n->curr - end);
}

/* Copies to the ring at offset behind CURR, around its end. */
static void put(struct ne2000 *n, unsigned offset, const uint8_t *from, unsigned len_bytes)
{
	unsigned base = n->pstart * NE2000_PAGE_BYTES - NE2000_RAM_START;
	unsigned size = (n->pstop - n->pstart) * NE2000_PAGE_BYTES;
	unsigned at = ((n->curr - n->pstart) * NE2000_PAGE_BYTES + offset) % size;
	unsigned part = size - at < len_bytes ? size - at : len_bytes;

	memcpy(n->ram + base + at, from, part);
	memcpy(n->ram + base, from + part, len_bytes - part);
}

enum ne2000_stored ne2000_store_frame(struct ne2000 *n, const uint8_t *frame, unsigned len_bytes)
{
	unsigned pages = (HEADER_BYTES + len_bytes + FCS_BYTES + NE2000_PAGE_BYTES - 1) /
			 NE2000_PAGE_BYTES;
	unsigned next = n->curr + pages, count = len_bytes + FCS_BYTES;
	uint8_t status = RSR_PRX | (frame[0] & 1 ? RSR_PHY : 0);

	if (!ring_is_sound(n) || !is_wanted(n, frame) || pages >= (unsigned)(n->pstop - n->pstart))
		return NE2000_NOT_WANTED;
	if (pages >= free_pages(n))
		return NE2000_FULL;
	if (next >= n->pstop)
		next -= n->pstop - n->pstart;
	const uint8_t header[HEADER_BYTES] = {status, (uint8_t)next, (uint8_t)count,
					      (uint8_t)(count >> 8)};
	static const uint8_t fcs[FCS_BYTES];

	put(n, 0, header, sizeof(header));
	put(n, HEADER_BYTES, frame, len_bytes);
	put(n, HEADER_BYTES + len_bytes, fcs, sizeof(fcs));
	n->curr = (uint8_t)next;
	n->rsr = status;
	return NE2000_STORED;
}
