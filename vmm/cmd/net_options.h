/* SPDX-License-Identifier: MIT
 *
 * `--net`: one network card and what it stands on.
 */
#ifndef VITRINE_CMD_NET_OPTIONS_H
#define VITRINE_CMD_NET_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/net.h"

enum net_model { NET_MODEL_VIRTIO, NET_MODEL_E1000, NET_MODEL_NE2K };
enum net_transport { NET_TRANSPORT_DEFAULT, NET_TRANSPORT_PCI, NET_TRANSPORT_MMIO };

struct net_card_options {
	bool none; /* --net none: no card; the rest has no meaning */
	enum net_model model;
	enum net_transport transport; /* virtio */
	bool packed_ring;	      /* virtio */
	bool has_mac;		      /* else net_card_choose_mac() */
	const char *id;		      /* NULL: none given */
	struct net_options backend;   /* but for helper and with */
	char *words;		      /* what the strings above point into */
};

/* "user|tap|switch:NAME|none[,key=value…]". On success the caller frees with net_card_options_free().
 * 0, or -EINVAL or -ENOMEM with one line in err that lists what is allowed. */
int net_card_options_parse(const char *text, struct net_card_options *options, char *err,
			   size_t err_size);
void net_card_options_free(struct net_card_options *options);

/* A stable address for card number index of a VM: made from the working directory and the whole
 * command line, so that the same command gives the same card, and another VM another one. argv ends
 * with NULL. Does nothing if mac= was given. */
void net_card_choose_mac(struct net_card_options *options, char *const *argv, unsigned index);

/* Opens the back ends of count cards (no "none" among them) into net[]; finds the helper of --net user, and
 * has all cards share it. On failure none is open. 0 or -errno with a line in err. */
int net_cards_open(const struct net_card_options *options, unsigned count, struct net **net,
		   char *err, size_t err_size);

#endif
