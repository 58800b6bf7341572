/* SPDX-License-Identifier: MIT
 *
 * One network card's private network in vitrine-slirp: an instance of libslirp between the card's
 * rings and the host's sockets.
 */
#ifndef VITRINE_SLIRP_CARD_H
#define VITRINE_SLIRP_CARD_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "slirp/protocol.h"

struct card;

/* The descriptors of one poll(); grows, never shrinks. */
struct poll_set {
	struct pollfd *fds;
	unsigned count;
	unsigned room;
};

/* Appends one and returns its index, or -1: no memory. */
int poll_set_add(struct poll_set *set, int fd, short events);

/* Takes the SLIRP_FDS descriptors over, also when it fails. reply says what went wrong. NULL on failure. */
struct card *card_create(const int fds[SLIRP_FDS], const struct slirp_request *request,
			 struct slirp_reply *reply);
void card_destroy(struct card *card);
unsigned card_number(const struct card *card);

/* Before poll(): adds what the card waits for and lowers *timeout_ms to its next timer. */
void card_prepare(struct card *card, struct poll_set *set, unsigned *timeout_ms);

/* After poll(): moves frames both ways. false: its rings are broken. */
bool card_run(struct card *card, const struct poll_set *set, bool poll_failed);

#endif
