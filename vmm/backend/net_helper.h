/* SPDX-License-Identifier: MIT
 *
 * The process vitrine-slirp, as the VMM sees it: one for all --net user cards of a VM, alive as long as one
 * of them is. Main thread only.
 */
#ifndef VITRINE_BACKEND_NET_HELPER_H
#define VITRINE_BACKEND_NET_HELPER_H

#include <stddef.h>

#include "slirp/protocol.h"

struct net_helper;

/* 0 or -errno with a line in err. Whether the program really runs, the first card tells. */
int net_helper_start(const char *path, struct net_helper **out, char *err, size_t err_size);

/* One user more, and one less: with the last one the process ends. */
struct net_helper *net_helper_share(struct net_helper *helper);
void net_helper_release(struct net_helper *helper);

unsigned net_helper_new_card(struct net_helper *helper);

/* Hands a card over; waits for the answer. 0, or -EPIPE: the helper is not there. */
int net_helper_add_card(struct net_helper *helper, const struct slirp_request *request,
			const int fds[SLIRP_FDS], struct slirp_reply *reply);
void net_helper_remove_card(struct net_helper *helper, unsigned card);

/* A new descriptor that hangs up when the process dies, or -1. The caller closes it. */
int net_helper_life_fd(const struct net_helper *helper);

#endif
