/* SPDX-License-Identifier: MIT
 *
 * See offload.h.
 */
#include "guest/net/offload.h"

#include <lwip/tcp.h>

void offload_connection(struct tcp_pcb *pcb)
{
	(void)pcb;
}

bool offload_reduce(struct tcp_pcb *pcb)
{
	if (pcb->mss <= 1460)
		return false;
	pcb->mss = 1460;
	return true;
}
