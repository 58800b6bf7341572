/* SPDX-License-Identifier: MIT
 *
 * What the files of the e1000 share: its state, and who may touch it.
 *
 *     vCPU threads ── register writes ──┐                       ┌── readable, writable ── back end
 *                                       │ kick_fd        net.h  │
 *                                       └──────▶ card's thread ◀┘
 *
 * dev.lock guards everything but what belongs to the worker, which is whoever set busy: the card's
 * thread while it moves frames, without the lock. A register write that takes memory away from the
 * card (reset, rings, enable bits, bus master) first waits until the worker has stopped:
 * e1000_quiesce().
 */
#ifndef VITRINE_DEV_E1000_INTERNAL_H
#define VITRINE_DEV_E1000_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/net.h"
#include "bus/pci.h"
#include "dev/e1000_regs.h"
#include "dev/nic.h"
#include "kvm/gmem.h"
#include "loop/batching.h"

#define E1000_EEPROM_WORDS 64
#define E1000_PHY_REGISTERS 32
#define E1000_REGISTER_WORDS (E1000_REGISTERS_END / 4)

struct e1000_tx;
struct e1000_rx;

/* Serial EEPROM (Microwire, SDM 5.3): where the conversation by EECD is. */
struct e1000_eeprom {
	uint16_t word[E1000_EEPROM_WORDS];
	unsigned bits_in; /* of start bit, opcode, address */
	unsigned shift_in;
	unsigned bits_out; /* of the word being read; counted from 1 */
	bool data_out;
};

/* Causes that wait, and the interrupt throttle. */
struct e1000_interrupt {
	uint32_t delayed; /* causes that get into ICR at delayed_due_ns */
	uint64_t delayed_due_ns;
	uint64_t raised_ns;    /* when the line rose last; 0: never */
	uint64_t timer_due_ns; /* 0: the timer is not armed */
	bool level;
};

struct e1000 {
	struct pci_function pci;
	const struct gmem *mem;
	struct net *net;
	uint8_t mac[6];
	uint16_t mtu;
	unsigned offloads; /* NET_OFFLOAD_* that frames to the back end may use */
	struct loop_thread *thread;
	struct loop_timer *timer;
	int kick_fd;

	uint32_t reg[E1000_REGISTER_WORDS];
	uint32_t io_address; /* IOADDR, SDM 13.2.2.1 */
	uint16_t phy[E1000_PHY_REGISTERS];
	struct e1000_eeprom eeprom;
	struct e1000_interrupt interrupt;
	struct nic_counters counters;

	pthread_cond_t idle; /* busy fell, and somebody is quiescing */
	unsigned quiescing;  /* vCPU threads that wait for it */
	bool busy;
	bool tx_asleep;	       /* a write to TDT has to ring; else the thread will look by itself */
	bool rx_starved;       /* a write to RDT has to ring */
	atomic_bool rx_wanted; /* the thread is to look for frames when it is rung */

	struct batching batching; /* the thread's */
	struct e1000_tx *tx;	  /* the worker's */
	struct e1000_rx *rx;
};

static inline struct e1000 *e1000_from(struct device *dev)
{
	return (struct e1000 *)dev;
}

static inline uint32_t *e1000_reg(struct e1000 *e, unsigned offset)
{
	return &e->reg[offset / 4];
}

/* --- e1000.c: work and rest. Lock held. */

/* Waits until nobody works; the lock is given up meanwhile. Nobody begins before it is released. */
void e1000_quiesce(struct e1000 *e);
/* False: somebody wants the card to rest; it rings when it may go on. */
bool e1000_begin_work(struct e1000 *e);
void e1000_end_work(struct e1000 *e);
void e1000_ring(struct e1000 *e);
bool e1000_link_is_up(const struct e1000 *e);

/* --- e1000_registers.c: lock held */
void e1000_reset(struct e1000 *e);
uint32_t e1000_register_read(struct e1000 *e, unsigned offset);
void e1000_register_write(struct e1000 *e, unsigned offset, uint32_t value);
const char *e1000_register_name(unsigned offset);

/* --- e1000_eeprom.c, e1000_phy.c: lock held */
void e1000_eeprom_fill(struct e1000_eeprom *eeprom, const uint8_t mac[6]);
uint32_t e1000_eerd(const struct e1000_eeprom *eeprom, uint32_t value);
uint32_t e1000_eecd_read(const struct e1000_eeprom *eeprom, uint32_t eecd);
void e1000_eecd_write(struct e1000_eeprom *eeprom, uint32_t old_eecd, uint32_t eecd);
void e1000_phy_reset(struct e1000 *e);
bool e1000_phy_is_powered(const struct e1000 *e);
void e1000_mdic_write(struct e1000 *e, uint32_t value);
/* The link came or went: STATUS, PHY, interrupt. */
void e1000_link_changed(struct e1000 *e);

/* --- e1000_interrupt.c: lock held */
void e1000_raise(struct e1000 *e, uint32_t causes);
/* As one of several such requests: the first one's delay counts. 0: at once. */
void e1000_raise_later(struct e1000 *e, uint32_t causes, uint64_t delay_ns);
/* What was delayed, now (RDTR.FPD, TIDV.FPD). */
void e1000_raise_delayed(struct e1000 *e);
/* After a change of ICR, IMS or the throttle. */
void e1000_interrupt_update(struct e1000 *e);
void e1000_interrupt_reset(struct e1000 *e);
uint32_t e1000_icr_read(struct e1000 *e);
void e1000_timer_expired(void *ctx); /* a loop_timer_fn; takes the lock */

/* --- e1000_stats.c: lock held */
void e1000_count_tx(struct e1000 *e, const uint8_t destination[6], unsigned len_bytes);
void e1000_count_rx(struct e1000 *e, const uint8_t destination[6], unsigned len_bytes);
void e1000_count(struct e1000 *e, unsigned counter);
uint32_t e1000_stats_read(struct e1000 *e, unsigned offset);

/* --- e1000_filter.c: lock held. vlan_tag < 0: the frame has none. */
bool e1000_filter_accepts(struct e1000 *e, const uint8_t destination[6], int vlan_tag);

/* --- the two directions. */
int e1000_tx_create(struct e1000_tx **out);
void e1000_tx_destroy(struct e1000_tx *tx); /* NULL is fine */
/* Forgets offload contexts and half-sent packets; lock held, at rest. */
void e1000_tx_reset(struct e1000_tx *tx);
/* One batch, in the card's thread, lock not held; adds to *packets how many are through. False: nothing
 * more to do for now. */
bool e1000_tx_batch(struct e1000 *e, unsigned *packets);

int e1000_rx_create(struct e1000_rx **out);
void e1000_rx_destroy(struct e1000_rx *rx);
void e1000_rx_reset(struct e1000_rx *rx);
/* frames_wait: the back end said so. */
bool e1000_rx_batch(struct e1000 *e, bool frames_wait);

/* --- e1000_rx_checksum.c: RXD_* bits for a frame, as RXCSUM asks for it. */
struct e1000_rx_verdict {
	uint8_t status;
	uint8_t errors;
};
struct e1000_rx_verdict e1000_rx_checksum(const uint8_t *frame, unsigned len_bytes, uint32_t rxcsum,
					  bool known_good);

#endif
