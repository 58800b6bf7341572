/* SPDX-License-Identifier: MIT
 *
 * The card's thread: one frame out, a few in. What does not fit into the receive ring waits here
 * and, behind that, in the back end: nothing is lost, and OVW never happens.
 */
#include <errno.h>
#include <string.h>

#include "dev/ne2000_internal.h"

#define RECEIVE_ROUNDS 16 /* then other events of the loop get theirs */

/* --- out */

/* Takes what the guest commanded to send, if that is new. */
static bool fetch(struct ne2000 *n)
{
	struct ne2000_worker *w = n->worker;
	unsigned bytes;

	if (n->tx_wanted) {
		n->tx_wanted = false;
		bytes = ne2000_fetch_frame(n, w->tx + NET_HEADER_BYTES, NE2000_FRAME_MAX);
		w->tx_number = n->tx_number;
		w->tx_bytes = NET_HEADER_BYTES + bytes;
	}
	return w->tx_bytes;
}

/* Tells the guest, unless it has reset the card since. */
static void report_sent(struct ne2000 *n, bool sent)
{
	struct ne2000_worker *w = n->worker;
	unsigned bytes = w->tx_bytes - NET_HEADER_BYTES;

	w->tx_bytes = 0;
	n->counters.tx_frames += sent;
	n->counters.tx_bytes += sent ? bytes : 0;
	n->counters.tx_dropped += !sent;
	if (w->tx_number != n->tx_number)
		return;
	n->tsr = sent ? TSR_PTX : TSR_ABT;
	n->cr &= (uint8_t)~CR_TXP;
	ne2000_raise(n, sent ? ISR_PTX : ISR_TXE);
}

/* 0, or -EAGAIN: the back end will say when. */
static int put_on_wire(struct ne2000 *n, bool loopback)
{
	struct ne2000_worker *w = n->worker;
	struct iovec iov = {w->tx, w->tx_bytes};
	struct net_frame frame = {.iov = &iov, .iov_count = 1, .len_bytes = w->tx_bytes};
	int taken;

	if (loopback)
		return 0;
	taken = net_send_batch(n->net, 0, &frame, 1);
	return taken == 0 || taken == -EAGAIN ? -EAGAIN : 0;
}

void ne2000_send(struct ne2000 *n)
{
	struct ne2000_worker *w = n->worker;
	bool work, loopback, sound;

	pthread_mutex_lock(&n->pci.dev.lock);
	work = fetch(n);
	loopback = n->tcr & TCR_LOOPBACK;
	pthread_mutex_unlock(&n->pci.dev.lock);
	if (!work)
		return;
	sound = w->tx_bytes >= NET_HEADER_BYTES + 14;
	if (sound && put_on_wire(n, loopback))
		return;
	pthread_mutex_lock(&n->pci.dev.lock);
	report_sent(n, sound);
	pthread_mutex_unlock(&n->pci.dev.lock);
}

/* --- in */

static void take_frames(struct ne2000 *n)
{
	struct ne2000_worker *w = n->worker;
	struct iovec iov[NE2000_BATCH];
	struct net_frame frame[NE2000_BATCH];
	int count;

	for (unsigned i = 0; i < NE2000_BATCH; i++) {
		iov[i] = (struct iovec){w->rx[i], sizeof(w->rx[i])};
		frame[i] = (struct net_frame){.iov = &iov[i], .iov_count = 1};
	}
	count = net_receive_batch(n->net, 0, frame, NE2000_BATCH);
	w->rx_next = 0;
	w->rx_count = count > 0 ? (unsigned)count : 0;
	for (unsigned i = 0; i < w->rx_count; i++) {
		size_t bytes = frame[i].len_bytes < sizeof(w->rx[i]) ? frame[i].len_bytes
								     : sizeof(w->rx[i]);

		bytes = bytes > NET_HEADER_BYTES ? bytes - NET_HEADER_BYTES : 0;
		if (bytes < NE2000_FRAME_MIN) {
			memset(w->rx[i] + NET_HEADER_BYTES + bytes, 0, NE2000_FRAME_MIN - bytes);
			bytes = NE2000_FRAME_MIN;
		}
		w->rx_bytes[i] = (unsigned)bytes;
	}
}

/* Fills the ring; one interrupt for all. False: the guest has to do something first. */
static bool hand_over(struct ne2000 *n)
{
	struct ne2000_worker *w = n->worker;
	bool stored = false;

	n->rx_wait = !ne2000_can_receive(n);
	for (; !n->rx_wait && w->rx_next < w->rx_count; w->rx_next++) {
		const uint8_t *frame = w->rx[w->rx_next] + NET_HEADER_BYTES;
		enum ne2000_stored result = ne2000_store_frame(n, frame, w->rx_bytes[w->rx_next]);

		n->rx_wait = result == NE2000_FULL;
		if (n->rx_wait)
			break;
		n->counters.rx_filtered += result == NE2000_NOT_WANTED;
		n->counters.rx_frames += result == NE2000_STORED;
		n->counters.rx_bytes += result == NE2000_STORED ? w->rx_bytes[w->rx_next] : 0;
		stored |= result == NE2000_STORED;
	}
	if (stored)
		ne2000_raise(n, ISR_PRX);
	return !n->rx_wait;
}

void ne2000_receive(struct ne2000 *n)
{
	struct ne2000_worker *w = n->worker;

	for (unsigned i = 0; i < RECEIVE_ROUNDS; i++) {
		pthread_mutex_lock(&n->pci.dev.lock);
		bool ready = hand_over(n);

		pthread_mutex_unlock(&n->pci.dev.lock);
		if (!ready)
			return;
		take_frames(n);
		if (!w->rx_count)
			return;
	}
	ne2000_ring(n);
}
