/* SPDX-License-Identifier: MIT
 *
 * hostfwd= of --net user: "tcp|udp:[HOSTADDR]:PORT-[GUESTADDR]:PORT".
 */
#ifndef VITRINE_BACKEND_NET_HOSTFWD_H
#define VITRINE_BACKEND_NET_HOSTFWD_H

#include "slirp/protocol.h"

/* 0 or -EINVAL; IPv4 addresses, an absent one is left 0.0.0.0. */
int net_hostfwd_parse(const char *text, struct slirp_forward *forward);

#endif
