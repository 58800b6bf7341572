/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "backend/net_kinds.h"

int net_switch_open(struct net *net, const struct net_options *options, char *err, size_t err_size)
{
	(void)net, (void)options;
	snprintf(err, err_size, "--net switch: not yet");
	return -ENOSYS;
}
