/* SPDX-License-Identifier: MIT
 *
 * What the emulated network cards have in common: their options and their counters.
 */
#ifndef VITRINE_DEV_NIC_H
#define VITRINE_DEV_NIC_H

#include <stdbool.h>
#include <stdint.h>

struct device;
struct net;
struct queue_counters;
struct device_figure;

/* device_setup.options of e1000_ops and ne2000_ops. */
struct nic_options {
	struct net *net; /* borrowed; its MAC address is the card's */
};

/* Always on; written with the device's lock held, read by others as a snapshot that may be torn. */
struct nic_counters {
	uint64_t tx_frames; /* handed to the back end; segments count one by one */
	uint64_t tx_bytes;
	uint64_t tx_dropped; /* nonsense from the guest */
	uint64_t rx_frames;  /* handed to the guest */
	uint64_t rx_bytes;
	uint64_t rx_filtered;	   /* for somebody else, or of a bad size */
	uint64_t kicks;		   /* wake-ups of the card's thread by the guest */
	uint64_t kicks_suppressed; /* work that the thread found by itself */
	uint64_t interrupts;	   /* rises of the line */
	uint64_t
		interrupts_suppressed; /* causes that joined one pending, or waited for the throttle */
};

/* The same for --stats: "transmit" and "receive" (device_ops.queue). Kicks and interrupts are
 * not told apart on these cards: they stand with "transmit". */
bool nic_queue_counters(const struct nic_counters *counters, unsigned index,
			struct queue_counters *out);

/* The rest of them, as figures (device_ops.figure). */
bool nic_figure(const struct nic_counters *counters, unsigned index, struct device_figure *out);

#endif
