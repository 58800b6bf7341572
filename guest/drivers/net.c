/* SPDX-License-Identifier: MIT
 *
 * The list of interfaces, and waiting.
 */
#include "guest/drivers/net.h"

#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/time/clock.h"

#define SEND_NS 10000000000ull

static struct net_device *first, **last = &first;
static unsigned count;

void net_add(struct net_device *nic)
{
	print_to(nic->name, sizeof(nic->name), "eth%u", count++);
	*last = nic;
	last = &nic->next;
}

struct net_device *net_first(void)
{
	return first;
}

struct net_device *net_find(const char *name)
{
	struct net_device *nic = first;

	while (nic && name[0] && strcmp(nic->name, name))
		nic = nic->next;
	return nic;
}

bool net_send(struct net_device *nic, const void *frame, unsigned bytes)
{
	const uint64_t start = clock_ns();

	while (!nic->send(nic, frame, bytes)) {
		nic->all_sent(nic);
		if (clock_ns() - start > SEND_NS)
			return false;
		cpu_relax();
	}
	nic->sent++;
	return true;
}

bool net_drain(struct net_device *nic)
{
	const uint64_t start = clock_ns();

	while (!nic->all_sent(nic)) {
		if (clock_ns() - start > SEND_NS)
			return false;
		cpu_relax();
	}
	return true;
}

unsigned net_receive(struct net_device *nic, void *frame, uint64_t limit_ns)
{
	const uint64_t start = clock_ns();
	unsigned bytes;

	while (!(bytes = nic->receive(nic, frame))) {
		if (clock_ns() - start > limit_ns)
			return 0;
		if (nic->wait)
			nic->wait(nic);
		else
			cpu_relax();
	}
	nic->received++;
	return bytes;
}
