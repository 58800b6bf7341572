/* SPDX-License-Identifier: MIT
 *
 * Sockets of the Internet over loopback: TCP, UDP, ICMP; errors, options, waiting, and what ioctl() and /proc/net
 * say of interfaces.
 */
#include "check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define BIG 300000

static struct sockaddr_in at(const char *ip, unsigned port)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	inet_pton(AF_INET, ip, &name.sin_addr);
	return name;
}

static int bind_to(int fd, struct sockaddr_in name)
{
	return bind(fd, (struct sockaddr *)&name, sizeof(name));
}

static int connect_to(int fd, struct sockaddr_in name)
{
	return connect(fd, (struct sockaddr *)&name, sizeof(name));
}

static struct sockaddr_in own_name(int fd)
{
	struct sockaddr_in name = {0};
	socklen_t length = sizeof(name);

	need(!getsockname(fd, (struct sockaddr *)&name, &length) && length == sizeof(name));
	return name;
}

static int listener(int backlog, struct sockaddr_in *name)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	need(fd >= 0 && !bind_to(fd, at("127.0.0.1", 0)) && !listen(fd, backlog));
	*name = own_name(fd);
	return fd;
}

/* Two ends of a connection. */
static void connected(int fds[2])
{
	struct sockaddr_in name;
	int server = listener(4, &name);

	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	need(fds[0] >= 0 && !connect_to(fds[0], name));
	fds[1] = accept(server, NULL, NULL);
	need(fds[1] >= 0);
	close(server);
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(fd, level, name, &value, &length) ? -errno : value;
}

static void bring_loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	need(fd >= 0 && !ioctl(fd, SIOCGIFFLAGS, &request));
	request.ifr_flags |= IFF_UP;
	ioctl(fd, SIOCSIFFLAGS, &request); /* in a namespace of one's own it is down */
	close(fd);
}

static void test_creation(void)
{
	int fd;

	check_fails("no such type", socket(AF_INET, 7, 0), ESOCKTNOSUPPORT);
	check_fails("no such protocol", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	check_fails("no pairs", socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){0, 0}), EOPNOTSUPP);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	check("flags", fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK);
	check("type, domain, protocol", option(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM &&
						option(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET &&
						option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP);
	check_fails("not connected: no peer",
		    getpeername(fd, (struct sockaddr *)&(struct sockaddr_in){0}, &(socklen_t){16}),
		    ENOTCONN);
	check_fails("not connected: nothing to read", read(fd, &(char){0}, 1), ENOTCONN);
	check_fails("not connected: nothing to shut down", shutdown(fd, SHUT_WR), ENOTCONN);
	check_fails("a name that is too short",
		    bind(fd, (struct sockaddr *)&(struct sockaddr_in){0}, 8), EINVAL);
	check_fails("an address that isn't ours", bind_to(fd, at("192.0.2.1", 0)), EADDRNOTAVAIL);
	close(fd);
}

static void test_names(void)
{
	struct sockaddr_in name, peer;
	socklen_t length = sizeof(peer);
	int server = listener(1, &name), other = socket(AF_INET, SOCK_STREAM, 0), fd, accepted;

	check("a port is chosen", name.sin_port && name.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	check_fails("a port in use", bind_to(other, name), EADDRINUSE);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	need(!connect_to(fd, name));
	accepted = accept(server, (struct sockaddr *)&peer, &length);
	check("accept() names the peer",
	      accepted >= 0 && length == sizeof(peer) && peer.sin_port == own_name(fd).sin_port);
	check("both ends agree", own_name(accepted).sin_port == name.sin_port);
	length = sizeof(peer);
	check("getpeername()", !getpeername(fd, (struct sockaddr *)&peer, &length) &&
				       peer.sin_port == name.sin_port);
	check_fails("connected already", connect_to(fd, name), EISCONN);
	check_fails("a listener doesn't wait for nobody",
		    (fcntl(server, F_SETFL, O_NONBLOCK), accept(server, NULL, NULL)), EAGAIN);
	close(accepted), close(fd), close(other), close(server);
}

static void test_refused(void)
{
	struct sockaddr_in name;
	int server = listener(1, &name), fd = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd poller;

	close(server);
	check_fails("nobody listens", connect_to(fd, name), ECONNREFUSED);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connect_to(fd, name) < 0 && errno == EINPROGRESS) {
		poller = (struct pollfd){fd, POLLOUT, 0};
		check("poll() sees the refusal", poll(&poller, 1, 1000) == 1 &&
							 poller.revents & POLLERR &&
							 poller.revents & POLLHUP);
		check("SO_ERROR says it once", option(fd, SOL_SOCKET, SO_ERROR) == ECONNREFUSED &&
						       option(fd, SOL_SOCKET, SO_ERROR) == 0);
	}
	close(fd);
}

static void test_not_blocking(void)
{
	struct sockaddr_in name;
	int server = listener(1, &name), epoll = epoll_create1(0), accepted, result;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct epoll_event event = {.events = EPOLLOUT | EPOLLET, .data.fd = fd};

	need(!epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	result = connect_to(fd, name);
	check("connect() doesn't wait", !result || errno == EINPROGRESS);
	for (int i = 0;
	     i < 10 && (epoll_wait(epoll, &event, 1, 1000) != 1 || event.events & EPOLLHUP);)
		i++;
	check("epoll sees the connection", event.events & EPOLLOUT && !(event.events & EPOLLHUP));
	check("without an error", option(fd, SOL_SOCKET, SO_ERROR) == 0);
	check_fails("nothing to read yet", read(fd, &(char){0}, 1), EAGAIN);
	accepted = accept(server, NULL, NULL);
	event.events = EPOLLIN;
	need(!epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event));
	check("epoll sees nothing", epoll_wait(epoll, &event, 1, 0) == 0);
	need(write(accepted, "x", 1) == 1);
	check("epoll sees data",
	      epoll_wait(epoll, &event, 1, 1000) == 1 && event.events == EPOLLIN);
	close(accepted), close(fd), close(server), close(epoll);
}

static int send_big(void *context)
{
	static char data[BIG];
	size_t done = 0;

	for (size_t i = 0; i < BIG; i++)
		data[i] = (char)(i * 7 / 3);
	while (done < BIG) {
		ssize_t bytes = write(*(int *)context, data + done, BIG - done);

		if (bytes <= 0)
			return 1;
		done += (size_t)bytes;
	}
	return 0;
}

static void test_stream(void)
{
	char data[64] = "", more[64] = "";
	struct iovec pieces[2] = {{data, 2}, {more, 4}};
	int fds[2], bytes, good = 1;
	size_t total = 0;
	pid_t child;

	connected(fds);
	need(write(fds[0], "hello", 5) == 5);
	check("a look", recv(fds[1], data, 3, MSG_PEEK) == 3 && !memcmp(data, "hel", 3));
	check("FIONREAD", !ioctl(fds[1], FIONREAD, &bytes) && bytes == 5);
	check("in pieces",
	      readv(fds[1], pieces, 2) == 5 && !memcmp(data, "he", 2) && !memcmp(more, "llo", 3));
	check_fails("MSG_DONTWAIT", recv(fds[1], data, 1, MSG_DONTWAIT), EAGAIN);
	child = child_start(send_big, &fds[0]);
	while (total < BIG) {
		static char big[BIG];
		ssize_t now = recv(fds[1], big, total ? sizeof(big) : 1000,
				   total ? 0 : MSG_WAITALL);

		if (now <= 0)
			break;
		for (ssize_t i = 0; i < now; i++)
			good &= big[i] == (char)((total + (size_t)i) * 7 / 3);
		total += (size_t)now;
	}
	check("all of it, in order", total == BIG && good && child_end(child) == 0);
	check("half-closed", !shutdown(fds[0], SHUT_WR) && read(fds[1], data, 1) == 0);
	check("the other half", write(fds[1], "back", 4) == 4 && read(fds[0], data, 64) == 4);
	signal(SIGPIPE, SIG_IGN);
	check_fails("no more is sent", write(fds[0], "x", 1), EPIPE);
	close(fds[0]), close(fds[1]);
}

static void test_broken(void)
{
	int fds[2], seen = 0;
	char byte;

	connected(fds);
	need(write(fds[0], "unread", 6) == 6);
	sleep_ms(10);
	close(fds[1]); /* with data that nobody has read: a reset */
	sleep_ms(10);
	check_fails("reset", read(fds[0], &byte, 1), ECONNRESET);
	check("then the end", read(fds[0], &byte, 1) == 0);
	close(fds[0]);
	connected(fds);
	close(fds[1]);
	for (int i = 0; i < 50 && !seen; i++) {
		seen = write(fds[0], "x", 1) < 0 && (errno == EPIPE || errno == ECONNRESET);
		sleep_ms(2);
	}
	check("nobody takes it", seen);
	close(fds[0]);
}

static void test_time_limits(void)
{
	struct timeval limit = {0, 50000}, seen;
	socklen_t length = sizeof(seen);
	long long start = now_ms();
	int fds[2];
	char byte;

	connected(fds);
	check("SO_RCVTIMEO", !setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	check("as set", !getsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &seen, &length) &&
				!seen.tv_sec && seen.tv_usec >= 48000 && seen.tv_usec <= 52000);
	check_fails("read() ends", read(fds[0], &byte, 1), EAGAIN);
	check("after that time", now_ms() - start >= 45);
	limit.tv_usec = 1000000;
	check_fails("no such time",
		    setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), EDOM);
	close(fds[0]), close(fds[1]);
}

static void test_options(void)
{
	int fds[2], on = 1, ttl = 5;

	connected(fds);
	check("TCP_NODELAY",
	      !option(fds[0], IPPROTO_TCP, TCP_NODELAY) &&
		      !setsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) &&
		      option(fds[0], IPPROTO_TCP, TCP_NODELAY) == 1);
	check("SO_KEEPALIVE", !setsockopt(fds[0], SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) &&
				      option(fds[0], SOL_SOCKET, SO_KEEPALIVE) == 1);
	check("IP_TTL", option(fds[0], IPPROTO_IP, IP_TTL) == 64 &&
				!setsockopt(fds[0], IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)) &&
				option(fds[0], IPPROTO_IP, IP_TTL) == 5);
	ttl = 256;
	check_fails("no such TTL", setsockopt(fds[0], IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)),
		    EINVAL);
	check_fails("no such option", setsockopt(fds[0], SOL_SOCKET, 9999, &on, sizeof(on)),
		    ENOPROTOOPT);
	close(fds[0]), close(fds[1]);
}

static void test_datagrams(void)
{
	int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in name, from;
	socklen_t length = sizeof(from);
	static char big[70000];
	char data[64];

	need(!bind_to(a, at("127.0.0.1", 0)));
	name = own_name(a);
	check_fails("nobody to send to", send(b, "x", 1, 0), EDESTADDRREQ);
	check("sent",
	      sendto(b, "one", 3, 0, (struct sockaddr *)&name, sizeof(name)) == 3 &&
		      sendto(b, "two two", 7, 0, (struct sockaddr *)&name, sizeof(name)) == 7);
	check("received",
	      recvfrom(a, data, sizeof(data), 0, (struct sockaddr *)&from, &length) == 3 &&
		      from.sin_port == own_name(b).sin_port && length == sizeof(from));
	check("cut", recv(a, data, 3, MSG_TRUNC) == 7);
	check_fails("the rest is gone", recv(a, data, 3, MSG_DONTWAIT), EAGAIN);
	check_fails("too long",
		    sendto(b, big, sizeof(big), 0, (struct sockaddr *)&name, sizeof(name)),
		    EMSGSIZE);
	check("long ones come whole",
	      sendto(b, big, 60000, 0, (struct sockaddr *)&name, sizeof(name)) == 60000 &&
		      recv(a, big, sizeof(big), 0) == 60000);
	check("connected",
	      !connect_to(b, name) && send(b, "x", 1, 0) == 1 && recv(a, data, 64, 0) == 1);
	check("empty", send(b, "", 0, 0) == 0 && recv(a, data, 64, 0) == 0);
	name = at("255.255.255.255", 9);
	check("broadcasts need leave",
	      sendto(a, "x", 1, 0, (struct sockaddr *)&name, sizeof(name)) < 0 &&
		      (errno == EACCES || errno == ENETUNREACH));
	close(a), close(b);
}

static uint16_t sum(const void *data, size_t bytes)
{
	const uint16_t *words = data;
	uint32_t total = 0;

	for (size_t i = 0; i < bytes / 2; i++)
		total += words[i];
	total = (total & 0xffff) + (total >> 16);
	return (uint16_t) ~(total + (total >> 16));
}

static void test_echo(void)
{
	struct {
		struct icmphdr icmp;
		char payload[16];
	} echo = {.icmp = {.type = ICMP_ECHO, .un.echo = {.id = 77, .sequence = 1}}};
	struct sockaddr_in name = at("127.0.0.1", 0);
	unsigned char answer[128] = "";
	ssize_t bytes = 0;
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	if (fd < 0) {
		check_skip("echo", "no privilege");
		return;
	}
	echo.icmp.checksum = sum(&echo, sizeof(echo));
	check("echo sent", sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&name,
				  sizeof(name)) == sizeof(echo));
	for (int i = 0; i < 4 && (bytes < 28 || answer[20] != ICMP_ECHOREPLY); i++)
		bytes = recv(fd, answer, sizeof(answer), 0);
	check("echo answered, behind its IP header", bytes == 20 + (ssize_t)sizeof(echo) &&
							     answer[0] == 0x45 &&
							     answer[9] == IPPROTO_ICMP);
	close(fd);
}

static void test_select(void)
{
	struct timeval limit = {1, 0};
	int fds[2];
	fd_set readable;

	connected(fds);
	need(write(fds[0], "x", 1) == 1);
	FD_ZERO(&readable);
	FD_SET(fds[1], &readable);
	check("select()", select(fds[1] + 1, &readable, NULL, NULL, &limit) == 1 &&
				  FD_ISSET(fds[1], &readable));
	close(fds[0]), close(fds[1]);
}

static void test_interfaces(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq request = {.ifr_name = "lo"}, list[8];
	struct ifconf all = {.ifc_len = sizeof(list), .ifc_req = list};
	struct sockaddr_in *name = (struct sockaddr_in *)&request.ifr_addr;
	FILE *dev = fopen("/proc/net/dev", "r");
	char line[256];
	int seen = 0;

	check("flags of lo", !ioctl(fd, SIOCGIFFLAGS, &request) && request.ifr_flags & IFF_UP &&
				     request.ifr_flags & IFF_LOOPBACK);
	check("its address",
	      !ioctl(fd, SIOCGIFADDR, &request) && name->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	check("its index", !ioctl(fd, SIOCGIFINDEX, &request) && request.ifr_ifindex == 1);
	check("SIOCGIFCONF", !ioctl(fd, SIOCGIFCONF, &all) && all.ifc_len >= (int)sizeof(list[0]));
	snprintf(request.ifr_name, IFNAMSIZ, "nosuch0");
	check_fails("no such interface", ioctl(fd, SIOCGIFFLAGS, &request), ENODEV);
	while (dev && fgets(line, sizeof(line), dev))
		seen |= strstr(line, "lo:") != NULL;
	check("/proc/net/dev", seen);
	if (dev)
		fclose(dev);
	close(fd);
}

int main(void)
{
	bring_loopback_up();
	test_creation();
	test_names();
	test_refused();
	test_not_blocking();
	test_stream();
	test_broken();
	test_time_limits();
	test_options();
	test_datagrams();
	test_echo();
	test_select();
	test_interfaces();
	return check_end();
}
