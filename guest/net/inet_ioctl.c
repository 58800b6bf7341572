/* SPDX-License-Identifier: MIT
 *
 * What ifconfig and route ask of a socket.
 */
#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <lwip/tcp.h>

#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/user.h"
#include "guest/net/card.h"
#include "guest/net/configure.h"
#include "guest/net/inet_socket.h"
#include "guest/net/interface.h"
#include "guest/net/stack.h"
#include "guest/proc/process.h"

enum request { /* Linux's numbers */
	       SIOCOUTQ = 0x5411,
	       FIONREAD = 0x541b,
	       SIOCADDRT = 0x890b,
	       SIOCDELRT = 0x890c,
	       SIOCGIFNAME = 0x8910,
	       SIOCGIFCONF = 0x8912,
	       SIOCGIFFLAGS = 0x8913,
	       SIOCSIFFLAGS = 0x8914,
	       SIOCGIFADDR = 0x8915,
	       SIOCSIFADDR = 0x8916,
	       SIOCGIFDSTADDR = 0x8917,
	       SIOCGIFBRDADDR = 0x8919,
	       SIOCSIFBRDADDR = 0x891a,
	       SIOCGIFNETMASK = 0x891b,
	       SIOCSIFNETMASK = 0x891c,
	       SIOCGIFMETRIC = 0x891d,
	       SIOCGIFMTU = 0x8921,
	       SIOCSIFMTU = 0x8922,
	       SIOCGIFHWADDR = 0x8927,
	       SIOCGIFINDEX = 0x8933,
	       SIOCGIFTXQLEN = 0x8942
};
#define ARPHRD_ETHER 1
#define ARPHRD_LOOPBACK 772
#define LOOPBACK_MTU 65535
#define MTU_MIN 576 /* RFC 791: what every host takes */
#define QUEUE_LENGTH 1000
#define RTF_GATEWAY 2

struct interface_request { /* struct ifreq */
	char name[INTERFACE_NAME_BYTES];
	union {
		struct sockaddr_in address;
		struct {
			uint16_t family;
			uint8_t bytes[14];
		} hardware;
		int16_t flags;
		int32_t number;
		uint8_t all[24];
	};
};
_Static_assert(sizeof(struct interface_request) == 40, "struct ifreq");

struct interface_list { /* struct ifconf */
	int32_t bytes, pad;
	uint64_t requests_gva;
};

struct route_request { /* struct rtentry */
	uint64_t pad;
	struct sockaddr_in destination, gateway, mask;
	uint16_t flags;
	int16_t pad2;
	uint64_t pad3[2];
	int16_t metric, pad4[3];
	uint64_t device_gva, mtu, window;
	uint16_t irtt, pad5[3];
};
_Static_assert(sizeof(struct route_request) == 120, "struct rtentry");

void interface_name(const struct netif *netif, char name[INTERFACE_NAME_BYTES])
{
	if (interface_is_loopback(netif))
		print_to(name, INTERFACE_NAME_BYTES, "lo");
	else
		print_to(name, INTERFACE_NAME_BYTES, "eth%u", netif_get_index(netif) - 2u);
}

struct netif *interface_find(const char *wanted)
{
	char name[INTERFACE_NAME_BYTES];
	struct netif *netif;

	NETIF_FOREACH(netif)
	{
		interface_name(netif, name);
		if (!strcmp(name, wanted))
			return netif;
	}
	return NULL;
}

unsigned interface_flags(const struct netif *netif)
{
	unsigned flags = netif_is_up(netif) ? IFF_UP : 0;

	if (netif_is_up(netif) && netif_is_link_up(netif))
		flags |= IFF_RUNNING;
	return flags |
	       (interface_is_loopback(netif) ? IFF_LOOPBACK : IFF_BROADCAST | IFF_MULTICAST);
}

/* --- one interface */
static void put_address(struct interface_request *request, uint32_t address)
{
	request->address = (struct sockaddr_in){.family = AF_INET, .address = address};
}

static void put_hardware(const struct netif *netif, struct interface_request *request)
{
	memset(&request->hardware, 0, sizeof(request->hardware));
	request->hardware.family = interface_is_loopback(netif) ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
	memcpy(request->hardware.bytes, netif->hwaddr, netif->hwaddr_len);
}

static int get(const struct netif *netif, unsigned command, struct interface_request *request)
{
	const uint32_t address = netif_ip4_addr(netif)->addr;
	const uint32_t mask = netif_ip4_netmask(netif)->addr;

	switch (command) {
	case SIOCGIFFLAGS: request->flags = (int16_t)interface_flags(netif); return 0;
	case SIOCGIFHWADDR: put_hardware(netif, request); return 0;
	case SIOCGIFMTU: request->number = netif->mtu ? netif->mtu : LOOPBACK_MTU; return 0;
	case SIOCGIFMETRIC: request->number = 0; return 0;
	case SIOCGIFINDEX: request->number = netif_get_index(netif); return 0;
	case SIOCGIFTXQLEN: request->number = QUEUE_LENGTH; return 0;
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR: put_address(request, address); break;
	case SIOCGIFNETMASK: put_address(request, mask); break;
	case SIOCGIFBRDADDR: put_address(request, address | ~mask); break;
	default: return -ENOTTY;
	}
	return address ? 0 : -EADDRNOTAVAIL;
}

static uint32_t usual_mask(uint32_t address)
{
	const uint32_t first = address & 0xff;

	return first < 128 ? 0xff : first < 192 ? 0xffff : 0xffffff; /* classes, RFC 791 */
}

static int set_address(struct netif *netif, uint32_t address)
{
	const ip4_addr_t ip = {address}, mask = {usual_mask(address)};

	configure_leave(netif);
	netif_set_addr(netif, &ip, address ? &mask : &ip, netif_ip4_gw(netif));
	if (address)
		card_set_up(netif, true);
	return 0;
}

static int set(struct netif *netif, unsigned command, const struct interface_request *request)
{
	const ip4_addr_t given = {request->address.address};
	const int32_t mtu = request->number;

	if (!process_is_root())
		return -EPERM;
	switch (command) {
	case SIOCSIFFLAGS: card_set_up(netif, request->flags & IFF_UP); return 0;
	case SIOCSIFADDR: return set_address(netif, given.addr);
	case SIOCSIFNETMASK: netif_set_netmask(netif, &given); return 0;
	case SIOCSIFBRDADDR: return 0; /* follows from the mask */
	case SIOCSIFMTU:
		if (mtu < MTU_MIN || !card_of(netif) || mtu > card_of(netif)->mtu_max)
			return -EINVAL;
		netif->mtu = (u16_t)mtu;
		return 0;
	default: return -ENOTTY;
	}
}

static bool is_setter(unsigned command)
{
	return command == SIOCSIFFLAGS || command == SIOCSIFADDR || command == SIOCSIFNETMASK ||
	       command == SIOCSIFBRDADDR || command == SIOCSIFMTU;
}

static int one_interface(unsigned command, uint64_t gva)
{
	struct interface_request request;
	struct netif *netif;
	int error;

	if (user_read(&request, gva, sizeof(request)))
		return -EFAULT;
	request.name[INTERFACE_NAME_BYTES - 1] = 0;
	net_lock();
	if (command == SIOCGIFNAME) {
		netif = netif_get_by_index((u8_t)request.number);
		if (netif)
			interface_name(netif, request.name);
		error = netif ? 0 : -ENODEV;
	} else {
		netif = interface_find(request.name);
		error = !netif		     ? -ENODEV
			: is_setter(command) ? set(netif, command, &request)
					     : get(netif, command, &request);
	}
	net_unlock();
	return error ? error : user_write(gva, &request, sizeof(request));
}

/* --- all of them */
/* Those that have an address; without room only their number. */
static int list_interfaces(uint64_t gva)
{
	struct interface_list list;
	struct interface_request request = {.name = ""};
	struct netif *netif;
	int32_t done = 0;

	if (user_read(&list, gva, sizeof(list)))
		return -EFAULT;
	net_lock();
	NETIF_FOREACH(netif)
	{
		if (ip4_addr_isany_val(*netif_ip4_addr(netif)) ||
		    (list.requests_gva && list.bytes - done < (int32_t)sizeof(request)))
			continue;
		interface_name(netif, request.name);
		put_address(&request, netif_ip4_addr(netif)->addr);
		if (list.requests_gva &&
		    user_write(list.requests_gva + (uint32_t)done, &request, sizeof(request))) {
			done = -EFAULT;
			break;
		}
		done += (int32_t)sizeof(request);
	}
	net_unlock();
	list.bytes = done;
	return done < 0 ? done : user_write(gva, &list, sizeof(list));
}

/* --- routes: each interface's own network, and one way out */
static struct netif *interface_of_route(const struct route_request *route)
{
	char name[INTERFACE_NAME_BYTES] = "";
	const ip4_addr_t gateway = {route->gateway.address};
	struct netif *netif;

	if (route->device_gva)
		return user_read_string(name, route->device_gva, sizeof(name)) < 0
			       ? NULL
			       : interface_find(name);
	NETIF_FOREACH(netif)
	if (route->flags & RTF_GATEWAY && netif_is_up(netif) &&
	    ip4_addr_netcmp(&gateway, netif_ip4_addr(netif), netif_ip4_netmask(netif)))
		return netif;
	return route->flags & RTF_GATEWAY ? NULL : netif_default;
}

static int change_route(uint64_t gva, bool add)
{
	struct route_request route;
	struct netif *netif;
	ip4_addr_t gateway;

	if (!process_is_root())
		return -EPERM;
	if (user_read(&route, gva, sizeof(route)))
		return -EFAULT;
	netif = interface_of_route(&route);
	gateway.addr = add ? route.gateway.address : 0;
	if (!netif)
		return route.device_gva ? -ENODEV : add ? -ENETUNREACH : -ESRCH;
	if (route.destination.address) /* its own network is always there; others can't be */
		return (route.destination.address & netif_ip4_netmask(netif)->addr) ==
				       (netif_ip4_addr(netif)->addr &
					netif_ip4_netmask(netif)->addr)
			       ? 0
			       : -EOPNOTSUPP;
	if (!add && netif_default != netif)
		return -ESRCH;
	netif_set_gw(netif, &gateway);
	netif_set_default(add ? netif : NULL);
	return 0;
}

/* --- */
static int give_number(uint64_t gva, size_t number)
{
	const int32_t value = (int32_t)number;

	return user_write(gva, &value, sizeof(value));
}

static size_t readable_bytes(const struct inet *inet)
{
	if (inet_is_stream(inet) || list_is_empty(&inet->arrivals))
		return inet->arrived_bytes;
	return container_of(inet->arrivals.next, struct arrival, link)->data->tot_len;
}

int64_t inet_ioctl(struct file *file, unsigned command, uint64_t argument)
{
	struct inet *inet = file->private;
	size_t bytes;
	int error;

	switch (command) {
	case FIONREAD:
	case SIOCOUTQ:
		net_lock();
		bytes = command == FIONREAD		    ? readable_bytes(inet)
			: inet_is_stream(inet) && inet->tcp ? TCP_SND_BUF - inet->room
							    : 0;
		net_unlock();
		return give_number(argument, bytes);
	case SIOCGIFCONF: return list_interfaces(argument);
	case SIOCADDRT:
	case SIOCDELRT:
		net_lock();
		error = change_route(argument, command == SIOCADDRT);
		net_unlock();
		return error;
	default:
		return command >= SIOCGIFNAME && command <= SIOCGIFTXQLEN
			       ? one_interface(command, argument)
			       : -ENOTTY;
	}
}
