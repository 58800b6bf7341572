/* SPDX-License-Identifier: MIT
 *
 * Which multicast groups a socket is a member of: IP_ADD_MEMBERSHIP and IP_DROP_MEMBERSHIP.
 */
#include <lwip/igmp.h>
#include <lwip/netif.h>

#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/net/inet_socket.h"

struct group { /* that a socket is a member of */
	struct list link;
	ip4_addr_t interface, address;
};

int inet_join_or_leave(struct inet *inet, uint64_t gva, uint32_t length, bool join)
{
	struct {
		ip4_addr_t address, interface;
		int32_t index;
	} request = {.index = 0};
	const uint32_t known = length < sizeof(request) ? length : sizeof(request);
	struct group *group;
	struct netif *netif;

	if (inet_is_stream(inet) || length < 2 * sizeof(ip4_addr_t))
		return -EINVAL;
	if (user_read(&request, gva, known))
		return -EFAULT;
	if (!ip4_addr_ismulticast(&request.address))
		return -EINVAL;
	netif = request.index ? netif_get_by_index((u8_t)request.index) : NULL;
	if (netif)
		request.interface = *netif_ip4_addr(netif);
	list_for_each(link, &inet->groups)
	{
		group = container_of(link, struct group, link);
		if (!ip4_addr_cmp(&group->address, &request.address))
			continue;
		if (join)
			return -EADDRINUSE;
		igmp_leavegroup(&group->interface, &group->address);
		list_remove(&group->link);
		kfree(group);
		return 0;
	}
	if (!join)
		return -EADDRNOTAVAIL;
	group = kmalloc(sizeof(*group));
	if (!group)
		return -ENOMEM;
	group->interface = request.interface;
	group->address = request.address;
	if (igmp_joingroup(&group->interface, &group->address)) {
		kfree(group);
		return -ENODEV;
	}
	list_add_last(&inet->groups, &group->link);
	return 0;
}

void inet_leave_groups(struct inet *inet)
{
	struct list *link;

	while ((link = list_pop(&inet->groups))) {
		struct group *group = container_of(link, struct group, link);

		igmp_leavegroup(&group->interface, &group->address);
		kfree(group);
	}
}
