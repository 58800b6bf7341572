/* SPDX-License-Identifier: MIT
 *
 * --net tap: an interface of the host (Linux: Documentation/networking/tuntap.rst). Each queue pair is one open
 * /dev/net/tun; the kernel itself speaks the virtio header, and segments and sums for who did not ask
 * to do it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/net_kinds.h"
#include "loop/loop.h"

#define TUN_PATH "/dev/net/tun"

struct tap {
	char ifname[IFNAMSIZ];
	int query_fd; /* any socket: for SIOCGIF… */
	int link_fd;  /* netlink: something about some link has changed */
	unsigned active_pairs;
};

/* --- frames --- */

/* An error is the frame's (EINVAL) or the interface's being down (EIO) or choked (EAGAIN): lost. */
static int tap_send(struct net *net, unsigned pair, const struct net_frame *frame, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (writev(net->port[pair].fd, frame[i].iov, (int)frame[i].iov_count) < 0)
			continue;
	return (int)count;
}

/* The kernel cuts what does not fit, without a word: the guest then finds the packet too short. */
static int tap_receive(struct net *net, unsigned pair, struct net_frame *frame, unsigned count)
{
	unsigned received = 0;

	while (received < count) {
		struct net_frame *next = &frame[received];
		ssize_t len = readv(net->port[pair].fd, next->iov, (int)next->iov_count);

		if (len < NET_HEADER_BYTES)
			break;
		next->len_bytes = (size_t)len;
		received++;
	}
	return received ? (int)received : -EAGAIN;
}

/* --- offloads and queues --- */

static int set_offloads(int fd, unsigned offloads)
{
	static const struct {
		unsigned ours, tun;
	} bits[] = {{NET_OFFLOAD_CSUM, TUN_F_CSUM},
		    {NET_OFFLOAD_TSO4, TUN_F_TSO4},
		    {NET_OFFLOAD_TSO6, TUN_F_TSO6},
		    {NET_OFFLOAD_TSO_ECN, TUN_F_TSO_ECN},
		    {NET_OFFLOAD_UFO, TUN_F_UFO}};
	unsigned long flags = 0;

	for (unsigned i = 0; i < sizeof(bits) / sizeof(*bits); i++)
		if (offloads & bits[i].ours)
			flags |= bits[i].tun;
	return ioctl(fd, TUNSETOFFLOAD, flags) ? -errno : 0;
}

static int tap_set_offloads(struct net *net, unsigned offloads)
{
	return set_offloads(net->port[0].fd, offloads);
}

static int set_attached(int fd, bool attached)
{
	struct ifreq request = {.ifr_flags = attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

	return ioctl(fd, TUNSETQUEUE, &request) ? -errno : 0;
}

static int tap_set_queue_pairs(struct net *net, unsigned pairs)
{
	struct tap *tap = net->state;
	int error = 0;

	for (; !error && tap->active_pairs < pairs; tap->active_pairs++)
		error = set_attached(net->port[tap->active_pairs].fd, true);
	for (; !error && tap->active_pairs > pairs; tap->active_pairs--)
		error = set_attached(net->port[tap->active_pairs - 1].fd, false);
	return error;
}

/* --- link --- */

static bool is_running(const struct tap *tap)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, tap->ifname, IFNAMSIZ);
	return ioctl(tap->query_fd, SIOCGIFFLAGS, &request) == 0 && request.ifr_flags & IFF_UP &&
	       request.ifr_flags & IFF_RUNNING;
}

static void link_event(void *ctx, uint32_t events)
{
	struct net *net = ctx;
	const struct tap *tap = net->state;
	char news[4096];

	(void)events;
	while (recv(tap->link_fd, news, sizeof(news), MSG_DONTWAIT | MSG_TRUNC) > 0)
		; /* about which link, the interface itself says best */
	net_set_link(net, is_running(tap));
}

static int tap_listen(struct net *net, struct loop *loop)
{
	const struct tap *tap = net->state;
	int error = loop_add_fd(loop, tap->link_fd, EPOLLIN, link_event, net);

	if (!error)
		net_set_link(net, is_running(tap));
	return error;
}

static void tap_unlisten(struct net *net, struct loop *loop)
{
	const struct tap *tap = net->state;

	loop_remove_fd(loop, tap->link_fd);
}

/* --- birth and death --- */

static void tap_close(struct net *net)
{
	struct tap *tap = net->state;

	for (unsigned i = 0; i < NET_QUEUE_PAIRS_MAX; i++)
		if (net->port[i].fd >= 0)
			close(net->port[i].fd);
	if (tap->query_fd >= 0)
		close(tap->query_fd);
	if (tap->link_fd >= 0)
		close(tap->link_fd);
	free(tap);
}

static const struct net_kind_ops tap_ops = {
	.close = tap_close,
	.send = tap_send,
	.receive = tap_receive,
	.set_offloads = tap_set_offloads,
	.set_queue_pairs = tap_set_queue_pairs,
	.listen = tap_listen,
	.unlisten = tap_unlisten,
};

static int complain(const char *ifname, int error, const char *advice, char *err, size_t err_size)
{
	snprintf(err, err_size, "--net tap%s%s: %s", ifname ? ",ifname=" : "", ifname ? ifname : "",
		 advice);
	return error;
}

static int explain_open(int error, char *err, size_t err_size)
{
	char text[160];

	if (error == -ENOENT || error == -ENODEV || error == -ENXIO)
		return complain(NULL, error,
				"no " TUN_PATH "; load the module ('modprobe tun'), or let the "
				"container have the device",
				err, err_size);
	snprintf(text, sizeof(text), TUN_PATH ": %s", strerror(-error));
	return complain(NULL, error, text, err, err_size);
}

static int explain_attach(const struct net_options *options, int error, char *err, size_t err_size)
{
	char text[200];

	if (error == -EPERM && !options->ifname)
		return complain(
			NULL, error,
			"only root may make an interface; have one made for you ('ip tuntap add "
			"dev tap0 mode tap user NAME') and give ifname=tap0",
			err, err_size);
	if (error == -EPERM)
		snprintf(
			text, sizeof(text),
			"it belongs to another user; as root: ip tuntap add dev %s mode tap user NAME",
			options->ifname);
	else if (error == -EBUSY)
		snprintf(text, sizeof(text), "another program has it");
	else if (error == -EINVAL && options->queue_pairs > 1)
		snprintf(text, sizeof(text),
			 "queues=%u needs an interface made with multi_queue ('ip tuntap add dev "
			 "%s mode tap multi_queue')",
			 options->queue_pairs, options->ifname ? options->ifname : "tap0");
	else if (error == -EINVAL)
		snprintf(text, sizeof(text), "is not a tap interface");
	else
		snprintf(text, sizeof(text), "%s", strerror(-error));
	return complain(options->ifname, error, text, err, err_size);
}

/* One open /dev/net/tun on the interface, made if tap->ifname is a pattern. */
static int attach(struct tap *tap, short extra_flags, int *out)
{
	struct ifreq request = {
		.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | extra_flags)};
	int header_bytes = NET_HEADER_BYTES, fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	memcpy(request.ifr_name, tap->ifname, IFNAMSIZ);
	if (ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETVNETHDRSZ, &header_bytes)) {
		int error = -errno;

		close(fd);
		return error;
	}
	memcpy(tap->ifname, request.ifr_name, IFNAMSIZ);
	*out = fd;
	return 0;
}

static int attach_all(struct net *net, const struct net_options *options)
{
	struct tap *tap = net->state;
	short flags = options->queue_pairs > 1 ? IFF_MULTI_QUEUE : 0;
	int error = attach(tap, flags, &net->port[0].fd);

	if (error == -EINVAL && !flags) /* one queue of an interface that could have more */
		error = attach(tap, IFF_MULTI_QUEUE, &net->port[0].fd);
	for (unsigned i = 1; !error && i < options->queue_pairs; i++) {
		error = attach(tap, flags, &net->port[i].fd);
		if (!error)
			error = set_attached(net->port[i].fd, false); /* until the driver asks */
	}
	tap->active_pairs = 1;
	return error;
}

/* An interface that is there only as long as we are: nobody else could have brought it up. */
static void bring_up(const struct tap *tap)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, tap->ifname, IFNAMSIZ);
	if (ioctl(tap->query_fd, SIOCGIFFLAGS, &request) == 0) {
		request.ifr_flags |= IFF_UP;
		ioctl(tap->query_fd, SIOCSIFFLAGS, &request);
	}
}

/* The interface's MTU, after setting it if the user wants another. */
static int settle_mtu(struct net *net, const struct net_options *options, char *err,
		      size_t err_size)
{
	const struct tap *tap = net->state;
	struct ifreq request = {0};
	char text[128];

	memcpy(request.ifr_name, tap->ifname, IFNAMSIZ);
	if (ioctl(tap->query_fd, SIOCGIFMTU, &request))
		return complain(tap->ifname, -errno, strerror(errno), err, err_size);
	if (options->mtu && options->mtu != (unsigned)request.ifr_mtu) {
		request.ifr_mtu = (int)options->mtu;
		if (ioctl(tap->query_fd, SIOCSIFMTU, &request)) {
			snprintf(text, sizeof(text),
				 "can't set mtu=%u; as root: ip link set dev %.15s mtu %u",
				 options->mtu, tap->ifname, options->mtu);
			return complain(tap->ifname, -errno, text, err, err_size);
		}
	}
	net->info.mtu = (uint16_t)request.ifr_mtu;
	return 0;
}

static int open_link_socket(struct tap *tap)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};

	tap->query_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	tap->link_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (tap->query_fd < 0 || tap->link_fd < 0 ||
	    bind(tap->link_fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return 0;
}

static bool interface_exists(const struct tap *tap)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, tap->ifname, IFNAMSIZ);
	return ioctl(tap->query_fd, SIOCGIFFLAGS, &request) == 0;
}

static int open_interface(struct net *net, const struct net_options *options, char *err,
			  size_t err_size)
{
	struct tap *tap = net->state;
	char text[160];
	int error = open_link_socket(tap);

	if (error)
		return complain(options->ifname, error, strerror(-error), err, err_size);
	if (access(TUN_PATH, R_OK | W_OK))
		return explain_open(-errno, err, err_size);
	if (options->ifname && strlen(options->ifname) >= IFNAMSIZ)
		return complain(options->ifname, -EINVAL, "a name has up to 15 characters", err,
				err_size);
	snprintf(tap->ifname, sizeof(tap->ifname), "%s",
		 options->ifname ? options->ifname : "tap%d");
	if (options->ifname && !interface_exists(tap)) {
		snprintf(
			text, sizeof(text),
			"no such interface; as root: ip tuntap add dev %.15s mode tap user NAME%s, "
			"ip link set %.15s up",
			tap->ifname, options->queue_pairs > 1 ? " multi_queue" : "", tap->ifname);
		return complain(options->ifname, -ENODEV, text, err, err_size);
	}
	error = attach_all(net, options);
	if (error)
		return explain_attach(options, error, err, err_size);
	if (!options->ifname)
		bring_up(tap);
	return settle_mtu(net, options, err, err_size);
}

static void fill_info(struct net *net, const struct net_options *options)
{
	const struct tap *tap = net->state;

	net->info.queue_pairs = options->queue_pairs ? options->queue_pairs : 1;
	net->info.vhost = options->vhost;
	for (unsigned i = 0; i < NET_QUEUE_PAIRS_MAX; i++)
		net->info.tap_fd[i] = net->port[i].fd;
	net->info.offloads = NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 |
			     NET_OFFLOAD_TSO_ECN | NET_OFFLOAD_UFO;
	if (set_offloads(net->port[0].fd, net->info.offloads)) /* Linux 4.14 to 4.16 have no UFO */
		net->info.offloads &= ~(unsigned)NET_OFFLOAD_UFO;
	set_offloads(net->port[0].fd, 0);
	net_set_link(net, is_running(tap));
	snprintf(net->name, sizeof(net->name), "%s", tap->ifname);
}

int net_tap_open(struct net *net, const struct net_options *options, char *err, size_t err_size)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	int error;

	if (!tap)
		return -ENOMEM;
	tap->query_fd = -1;
	tap->link_fd = -1;
	net->state = tap;
	net->ops = &tap_ops;
	error = open_interface(net, options, err, err_size);
	if (error) {
		tap_close(net);
		return error;
	}
	fill_info(net, options);
	return 0;
}
