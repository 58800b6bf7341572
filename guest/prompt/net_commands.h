/* SPDX-License-Identifier: MIT
 *
 * Commands about network interfaces; each prints its verdict.
 */
#ifndef GUEST_PROMPT_NET_COMMANDS_H
#define GUEST_PROMPT_NET_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/drivers/net.h"

#define NET_GATEWAY_DEFAULT 0x0a000202 /* 10.0.2.2: user-mode networking's, and our address there */
#define NET_ADDRESS_DEFAULT 0x0a00020f

/* nics; nettest [GATEWAY [ADDRESS [NAME]]]; netbench [NAME [FRAMES [BYTES [GATEWAY]]]]. */
void net_command_list(const char *argument);
void net_command_test(const char *argument);
void net_command_bench(const char *argument);

/* ARP and echoes of many sizes. false, with a line about the first that failed: not all came back. */
bool net_test(struct net_device *nic, uint32_t gateway, uint32_t address);

#endif
