/* SPDX-License-Identifier: MIT
 *
 * What the files of the NE2000 share. dev.lock guards everything but struct ne2000_worker, which is
 * the card's thread's. That thread never touches guest memory: frames go through the card's own,
 * with the lock held.
 *
 *     packet memory   0x0000 ┌───────────────────┐
 *                            │ PROM, 32 bytes    │ the address, each byte twice
 *                     0x4000 ├───────────────────┤
 *                            │ TPSR: to send     │ where the driver put it
 *                     PSTART ├───────────────────┤
 *                            │ receive ring      │ pages of 256 bytes: CURR is where the card writes next,
 *                      PSTOP ├───────────────────┤ BNRY where the driver stopped reading
 *                     0xc000 └───────────────────┘
 */
#ifndef VITRINE_DEV_NE2000_INTERNAL_H
#define VITRINE_DEV_NE2000_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/net.h"
#include "bus/pci.h"
#include "dev/nic.h"

#define NE2000_PROM_BYTES 32u
#define NE2000_RAM_START 0x4000u
#define NE2000_RAM_END 0xc000u
#define NE2000_PAGE_BYTES 256u
#define NE2000_FRAME_MAX 1536u /* longer ones are nobody's on this card */
#define NE2000_FRAME_MIN 60u
#define NE2000_BATCH 8u

/* Command register, and bits of others; data sheet section 10 */
enum {
	CR_STP = 0x01,
	CR_STA = 0x02,
	CR_TXP = 0x04,
	CR_DMA = 0x38,
	CR_DMA_READ = 0x08,
	CR_DMA_WRITE = 0x10,
	CR_DMA_SEND = 0x18,
	CR_DMA_ABORT = 0x20,
	CR_PAGE_SHIFT = 6,

	ISR_PRX = 0x01,
	ISR_PTX = 0x02,
	ISR_TXE = 0x08,
	ISR_RDC = 0x40,
	ISR_RST = 0x80,
	IMR_DEFINED = 0x7f,

	DCR_WTS = 0x01, /* words */
	TCR_LOOPBACK = 0x06,
	RCR_AB = 0x04,
	RCR_AM = 0x08,
	RCR_PRO = 0x10,
	RCR_MON = 0x20,

	TSR_PTX = 0x01,
	TSR_ABT = 0x08,
	RSR_PRX = 0x01,
	RSR_PHY = 0x20
};

struct loop_thread;

/* Frames on their way, in the thread's own memory. */
struct ne2000_worker {
	uint8_t tx[NET_HEADER_BYTES + NE2000_FRAME_MAX];
	unsigned tx_bytes;  /* with the header; 0: none */
	unsigned tx_number; /* which of the guest's commands it belongs to */
	uint8_t rx[NE2000_BATCH][NET_HEADER_BYTES + NE2000_FRAME_MAX];
	unsigned rx_bytes[NE2000_BATCH]; /* without the header */
	unsigned rx_count, rx_next;
};

struct ne2000 {
	struct pci_function pci;
	struct net *net;
	const struct wiring *wiring; /* NULL: every write is an exit */
	uint8_t mac[6];
	struct loop_thread *thread;
	int kick_fd;
	struct nic_counters counters;

	uint8_t cr, isr, imr, dcr, tcr, rcr, tsr, rsr;
	uint8_t pstart, pstop, bnry, curr, tpsr;
	uint8_t par[6], mar[8];
	uint16_t tbcr, rsar, rbcr;
	uint8_t config[4]; /* 9346CR, CONFIG0, CONFIG2, CONFIG3 of page 3 */
	bool line;

	unsigned tx_number; /* counts commands to send, and resets */
	bool tx_wanted;	    /* CR.TXP, and the thread has not fetched the frame */
	bool rx_wait;	    /* the thread waits for room in the ring, or for the receiver */
	uint8_t ram[NE2000_RAM_END - NE2000_RAM_START];
	uint8_t prom[NE2000_PROM_BYTES];

	struct ne2000_worker *worker;
};

/* --- ne2000.c */
void ne2000_ring(struct ne2000 *n);

/* --- ne2000_registers.c: lock held */
void ne2000_reset(struct ne2000 *n);
uint8_t ne2000_register_read(struct ne2000 *n, unsigned offset);
void ne2000_register_write(struct ne2000 *n, unsigned offset, uint8_t value);
const char *ne2000_register_name(unsigned offset);
/* Sets causes, and the line by them and the mask. */
void ne2000_raise(struct ne2000 *n, uint8_t causes);
bool ne2000_can_receive(const struct ne2000 *n);

/* --- ne2000_memory.c: lock held */
uint32_t ne2000_data_read(struct ne2000 *n, unsigned width);
void ne2000_data_write(struct ne2000 *n, unsigned width, uint32_t value);
/* count accesses of width bytes in a row: the same, in less time. */
void ne2000_data_read_string(struct ne2000 *n, unsigned width, uint8_t *data, unsigned count);
void ne2000_data_write_string(struct ne2000 *n, unsigned width, const uint8_t *data,
			      unsigned count);
/* A command with a remote DMA operation and nothing to move is through at once. */
void ne2000_dma_begin(struct ne2000 *n);
/* The frame that TPSR and TBCR describe. How many bytes, at most max; 0: there is no such
 * memory. */
unsigned ne2000_fetch_frame(const struct ne2000 *n, uint8_t *to, unsigned max);

/* Whether frames wait between BNRY and CURR. */
bool ne2000_ring_has_frames(const struct ne2000 *n);

enum ne2000_stored { NE2000_STORED, NE2000_FULL, NE2000_NOT_WANTED };
/* Puts a frame into the receive ring if the address filter takes it. */
enum ne2000_stored ne2000_store_frame(struct ne2000 *n, const uint8_t *frame, unsigned len_bytes);

/* --- ne2000_frames.c: the card's thread, lock not held */
void ne2000_send(struct ne2000 *n);
void ne2000_receive(struct ne2000 *n);

#endif
