/* SPDX-License-Identifier: MIT
 *
 * netbench serve — beside the VMM: answers the clients below.
 * netbench HOST NAME tx|rx|tcp-tx|tcp-rx COUNT — in the guest: COUNT UDP packets of 60 bytes to or
 * from HOST, or a TCP stream of COUNT × 64 KiB. Prints "@@ NAME-begin" and "@@ NAME-end" around
 * them for meter, then "@@ NAME-delivered=N": how many arrived. COUNT 0 shows what the marks
 * themselves cost.
 *
 * Packets from the host are sent by a window, so that none need be dropped: the guest says how many
 * it has got. Packets from the guest go to a socket that nobody reads; the host kernel's counters
 * say how many.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PORT_SINK = 9001,   /* UDP */
	PORT_SOURCE = 9002, /* UDP */
	PORT_STREAM = 9003, /* TCP */
	PAYLOAD_BYTES = 18, /* Ethernet, IP and UDP headers make 60 of it */
	CHUNK_BYTES = 65536,
	BATCH = 64,
	WINDOW = 256,
	SETTLE_US = 50000,
	LOST_MS = 20,	 /* nothing came for so long: what was under way is lost */
	QUIET_MAX = 100, /* times: the client is gone */
};

/* What a client asks a server for, and its answers. */
struct message {
	uint32_t command; /* 'c': how many came to the sink; 's', 'r': send, receive COUNT chunks */
	uint32_t count;
};

struct batch {
	struct mmsghdr header[BATCH];
	struct iovec iov;
	char payload[PAYLOAD_BYTES];
};

static char chunk[CHUNK_BYTES];

static int open_socket(int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "socket");
	return fd;
}

static int bound(int type, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = open_socket(type), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&address, sizeof address))
		err(1, "port %d", port);
	return fd;
}

static int connected(int type, const char *host, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = open_socket(type);

	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		errx(2, "%s is no address", host);
	if (connect(fd, (struct sockaddr *)&address, sizeof address))
		err(1, "%s", host);
	return fd;
}

static void write_all(int fd, const void *data, size_t len_bytes)
{
	const char *at = data;

	while (len_bytes > 0) {
		ssize_t done = write(fd, at, len_bytes);

		if (done < 0)
			err(1, "write");
		at += done;
		len_bytes -= done;
	}
}

static uint64_t read_to_end(int fd)
{
	uint64_t total = 0;
	ssize_t len;

	while ((len = read(fd, chunk, sizeof chunk)) > 0)
		total += len;
	return total;
}

/* A batch of equal packets: sent, or room for as many. */
static void batch_prepare(struct batch *batch)
{
	batch->iov = (struct iovec){batch->payload, sizeof batch->payload};
	for (int i = 0; i < BATCH; i++)
		batch->header[i].msg_hdr = (struct msghdr){.msg_iov = &batch->iov, .msg_iovlen = 1};
}

/* --- server */

/* Datagrams that no socket had room for: those to the sink. */
static uint32_t udp_dropped(void)
{
	char names[1024], values[1024], *name, *value, *end_name, *end_value;
	FILE *file = fopen("/proc/net/snmp", "re");
	uint32_t dropped = 0;

	while (file && fgets(names, sizeof names, file) && fgets(values, sizeof values, file)) {
		if (strncmp(names, "Udp:", 4) != 0)
			continue;
		name = strtok_r(names, " ", &end_name);
		value = strtok_r(values, " ", &end_value);
		while (name && value) {
			if (strcmp(name, "RcvbufErrors") == 0)
				dropped = strtoul(value, NULL, 10);
			name = strtok_r(NULL, " ", &end_name);
			value = strtok_r(NULL, " ", &end_value);
		}
	}
	if (file)
		fclose(file);
	return dropped;
}

static void serve_stream(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct message message;

	if (fd < 0 || read(fd, &message, sizeof message) != sizeof message)
		err(1, "stream");
	if (message.command == 's') {
		for (uint32_t i = 0; i < message.count; i++)
			write_all(fd, chunk, sizeof chunk);
	} else {
		message.count = message.command == 'c' ? udp_dropped()
						       : read_to_end(fd) / CHUNK_BYTES;
		write_all(fd, &message, sizeof message);
	}
	close(fd);
}

/* Sends until the client has got as many as it wants. */
static void serve_packets(int fd)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	struct sockaddr_in client;
	socklen_t client_bytes = sizeof client;
	struct message message;
	uint32_t sent = 0, arrived = 0, wanted;
	int quiet = 0;
	struct batch batch = {0};

	if (recvfrom(fd, &message, sizeof message, 0, (struct sockaddr *)&client, &client_bytes) <
		    0 ||
	    message.command != 's')
		return; /* a late word of the one before */
	wanted = message.count;
	batch_prepare(&batch);
	for (int i = 0; i < BATCH; i++) {
		batch.header[i].msg_hdr.msg_name = &client;
		batch.header[i].msg_hdr.msg_namelen = client_bytes;
	}
	while (arrived < wanted && quiet < QUIET_MAX) {
		while (sent + BATCH <= arrived + WINDOW) {
			int count = sendmmsg(fd, batch.header, BATCH, 0);

			sent += count > 0 ? count : BATCH; /* refused: as good as lost */
		}
		quiet++;
		if (poll(&readable, 1, LOST_MS) <= 0)
			sent = arrived;
		else if (recv(fd, &message, sizeof message, 0) == sizeof message)
			arrived = message.count, quiet = 0;
	}
}

static int serve(void)
{
	int sink = bound(SOCK_DGRAM, PORT_SINK), source = bound(SOCK_DGRAM, PORT_SOURCE);
	int listener = bound(SOCK_STREAM, PORT_STREAM), least = 0;
	struct pollfd fds[] = {{.fd = source, .events = POLLIN},
			       {.fd = listener, .events = POLLIN}};

	setsockopt(sink, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
	if (listen(listener, 4))
		err(1, "listen");
	if (daemon(1, 1))
		err(1, "daemon");
	for (;;) {
		poll(fds, 2, -1);
		if (fds[0].revents)
			serve_packets(source);
		if (fds[1].revents)
			serve_stream(listener);
	}
}

/* --- client */

static void say(const char *name, const char *end)
{
	printf("@@ %s-%s\n", name, end);
	fflush(stdout);
}

static uint32_t ask_sink(const char *host)
{
	struct message message = {.command = 'c'};
	int fd = connected(SOCK_STREAM, host, PORT_STREAM);

	write_all(fd, &message, sizeof message);
	if (read(fd, &message, sizeof message) != sizeof message)
		err(1, "no answer");
	close(fd);
	return message.count;
}

/* Until the last packet has left the guest. */
static void send_packets(int fd, uint32_t count)
{
	struct batch batch = {0};
	int queued = 1;

	batch_prepare(&batch);
	while (count > 0) {
		int sent = sendmmsg(fd, batch.header, count < BATCH ? count : BATCH, 0);

		if (sent < 0 && errno != ENOBUFS && errno != ECONNREFUSED)
			err(1, "sendmmsg");
		count -= sent > 0 ? sent : 0;
	}
	while (ioctl(fd, SIOCOUTQ, &queued) == 0 && queued > 0)
		usleep(100);
}

static void receive_packets(int fd, uint32_t count)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	struct message message = {.command = 's', .count = count};
	uint32_t got = 0, said = 0;
	struct batch batch = {0};

	batch_prepare(&batch);
	write_all(fd, &message, sizeof message);
	message.command = 'g';
	while (got < count) {
		int some = poll(&readable, 1, LOST_MS) > 0
				   ? recvmmsg(fd, batch.header, BATCH, MSG_DONTWAIT, NULL)
				   : 0;

		got += some > 0 ? some : 0;
		if (some > 0 && got - said < BATCH && got < count)
			continue;
		message.count = said = got;
		write_all(fd, &message, sizeof message);
	}
}

static uint32_t stream(const char *host, int is_send, uint32_t count)
{
	struct message message = {.command = is_send ? 'r' : 's', .count = count};
	int fd = connected(SOCK_STREAM, host, PORT_STREAM);
	uint64_t len_bytes;

	write_all(fd, &message, sizeof message);
	if (is_send) {
		for (uint32_t i = 0; i < count; i++)
			write_all(fd, chunk, sizeof chunk);
		shutdown(fd, SHUT_WR);
	}
	len_bytes = read_to_end(fd);
	close(fd);
	return is_send ? count : len_bytes / CHUNK_BYTES;
}

static int client(const char *host, const char *name, const char *what, uint32_t count)
{
	int is_stream = strncmp(what, "tcp-", 4) == 0, is_send = strstr(what, "tx") != NULL,
	    fd = -1;
	uint32_t before = 0, delivered = count;
	char text[32];

	if (!is_stream) {
		before = is_send && count ? ask_sink(host) : 0;
		fd = connected(SOCK_DGRAM, host, is_send ? PORT_SINK : PORT_SOURCE);
		if (count)
			send_packets(fd,
				     is_send ? BATCH : 0); /* addresses are known from here on */
	}
	say(name, "begin");
	usleep(SETTLE_US);
	if (is_stream && count)
		delivered = stream(host, is_send, count);
	else if (is_send)
		send_packets(fd, count);
	else
		receive_packets(fd, count);
	say(name, "end");
	usleep(SETTLE_US);
	if (!is_stream && is_send && count)
		delivered = ask_sink(host) - before - BATCH;
	snprintf(text, sizeof text, "delivered=%u", delivered);
	say(name, text);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		return serve();
	if (argc != 5)
		errx(2, "usage: netbench serve | netbench HOST NAME tx|rx|tcp-tx|tcp-rx COUNT");
	return client(argv[1], argv[2], argv[3], strtoul(argv[4], NULL, 10));
}
