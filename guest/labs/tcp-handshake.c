/* SPDX-License-Identifier: MIT
 *
 * A TCP connection and a UDP exchange over a wire that loses some packets, and what the packet trace shows of them.
 *
 *   tcp-handshake -s            on the host: the server of both; ends after one connection
 *   tcp-handshake [-n PIECES]   in the guest: connects to the host, sends so many pieces by TCP, then by UDP
 *   tcp-handshake -d FILE       the trace: rows of what passed, in libpcap's format
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab.h"

#define PORT 37007
#define HOST_SEEN_BY_GUEST "10.0.2.2"
#define PIECE_BYTES 100
#define PACE_US 100000
#define PATIENCE_MS 60000
#define SILENCE_MS 2000 /* after which no more datagrams come */

static int open_socket(int type, const char *address, bool is_server)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	const int fd = socket(AF_INET, type, 0), yes = 1;

	inet_pton(AF_INET, address, &at.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (is_server ? bind(fd, (struct sockaddr *)&at, sizeof(at))
		      : connect(fd, (struct sockaddr *)&at, sizeof(at)))
		lab_die(address);
	return fd;
}

static bool has_something(int fd, int patience_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, patience_ms) == 1;
}

/* --- the server, on the host */
static void serve(void)
{
	const int listener = open_socket(SOCK_STREAM, "127.0.0.1", true);
	const int udp = open_socket(SOCK_DGRAM, "127.0.0.1", true);
	char data[4096];
	size_t bytes = 0;
	unsigned datagrams = 0;
	ssize_t got;

	if (listen(listener, 1) || !has_something(listener, PATIENCE_MS))
		lab_die("nobody connects");
	const int tcp = accept(listener, NULL, NULL);

	while ((got = read(tcp, data, sizeof(data))) > 0)
		bytes += (size_t)got;
	close(tcp);
	while (has_something(udp, datagrams ? SILENCE_MS : 10 * SILENCE_MS) &&
	       recv(udp, data, sizeof(data), 0) > 0)
		datagrams++;
	printf("the server got %zu bytes by TCP, %u datagrams by UDP\n", bytes, datagrams);
	lab_row("arrived", "tcp_pieces=%zu udp_pieces=%u", bytes / PIECE_BYTES, datagrams);
}

/* --- the client, in the guest */
static void send_pieces(int fd, unsigned pieces)
{
	char piece[PIECE_BYTES];

	for (unsigned i = 0; i < pieces; i++) {
		memset(piece, 'a' + (int)(i % 26), sizeof(piece));
		if (send(fd, piece, sizeof(piece), 0) != sizeof(piece))
			lab_die("send");
		usleep(PACE_US);
	}
}

static void be_client(unsigned pieces)
{
	const int tcp = open_socket(SOCK_STREAM, HOST_SEEN_BY_GUEST, false), yes = 1;
	char byte;

	setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	send_pieces(tcp, pieces);
	shutdown(tcp, SHUT_WR);
	if (read(tcp, &byte, 1) != 0) /* the server closes when it has everything */
		lab_die("read");
	close(tcp);
	send_pieces(open_socket(SOCK_DGRAM, HOST_SEEN_BY_GUEST, false), pieces);
	printf("sent %u pieces of %u bytes by TCP, and as many by UDP\n", pieces, PIECE_BYTES);
	lab_row("sent", "pieces=%u", pieces);
}

/* --- the trace */
#define ETHERNET_BYTES 14
#define PROTOCOL_AT 9 /* in an IPv4 header, RFC 791 §3.1 */
#define SOURCE_AT 12

static uint32_t first_seq[2]; /* of the guest's side, and of the server's */
static bool seq_is_known[2];
static unsigned packets;

static unsigned word(const uint8_t *at)
{
	return (unsigned)(at[0] << 8 | at[1]);
}

static uint32_t double_word(const uint8_t *at)
{
	return (uint32_t)word(at) << 16 | word(at + 2);
}

static bool was_sent_before(uint32_t seq)
{
	static uint32_t seen[4096];
	static unsigned count;

	for (unsigned i = 0; i < count; i++)
		if (seen[i] == seq)
			return true;
	if (count < sizeof(seen) / sizeof(*seen))
		seen[count++] = seq;
	return false;
}

/* RFC 9293 §3.1. Sequence numbers are shown from each side's first on. */
static void show_tcp(double ms, bool from_guest, const uint8_t *tcp, unsigned bytes)
{
	static const char letters[] = "FSRPA";
	const unsigned data = bytes - (tcp[12] >> 4) * 4u;
	const bool takes_numbers = data || tcp[13] & 3; /* FIN and SYN do, too */
	const bool again = from_guest && takes_numbers && was_sent_before(double_word(tcp + 4));
	char flags[8];
	unsigned length = 0;

	for (unsigned i = 0; i < 5; i++)
		if (tcp[13] >> i & 1)
			flags[length++] = letters[i];
	flags[length] = '\0';
	if (!seq_is_known[!from_guest]) {
		seq_is_known[!from_guest] = true;
		first_seq[!from_guest] = double_word(tcp + 4);
	}
	const uint32_t seq = double_word(tcp + 4) - first_seq[!from_guest];
	const uint32_t ack = tcp[13] & 0x10 ? double_word(tcp + 8) - first_seq[from_guest] : 0;
	const char *kind = again	 ? "again"
			   : tcp[13] & 2 ? "handshake"
			   : data	 ? "data"
			   : tcp[13] & 5 ? "end"
					 : "ack";

	printf("%9.1f ms  %s  TCP %-3s seq %5u ack %5u  %u bytes%s\n", ms,
	       from_guest ? "guest ->" : "<- host ", flags, seq, ack, data, again ? "  AGAIN" : "");
	lab_row("packet", "n=%u ms=%.1f from=%s protocol=tcp kind=%s flags=%s at=%u bytes=%u",
		++packets, ms, from_guest ? "guest" : "host", kind, flags,
		data || from_guest ? seq : ack, data);
}

static void show_packet(double ms, const uint8_t *frame, unsigned bytes)
{
	const uint8_t *ip = frame + ETHERNET_BYTES;
	const unsigned header = (ip[0] & 15) * 4u;

	if (bytes < ETHERNET_BYTES + 28 || word(frame + 12) != 0x0800 ||
	    (word(ip + header) != PORT && word(ip + header + 2) != PORT))
		return;
	const bool from_guest = word(ip + header + 2) == PORT;
	const unsigned rest = word(ip + 2) - header; /* short frames are padded */

	if (ip[PROTOCOL_AT] == IPPROTO_TCP) {
		show_tcp(ms, from_guest, ip + header, rest);
	} else if (ip[PROTOCOL_AT] == IPPROTO_UDP) {
		static unsigned count;

		printf("%9.1f ms  %s  UDP  %u bytes\n", ms, from_guest ? "guest ->" : "<- host ",
		       rest - 8);
		lab_row("packet",
			"n=%u ms=%.1f from=%s protocol=udp kind=datagram flags=- at=%u bytes=%u",
			++packets, ms, from_guest ? "guest" : "host", ++count * PIECE_BYTES,
			rest - 8);
	}
}

static void show_trace(const char *path)
{
	static uint8_t frame[1 << 16];
	uint32_t head[6], record[4];
	double first_ms = -1;
	FILE *file = fopen(path, "re");

	if (!file || fread(head, sizeof(head), 1, file) != 1 || head[0] != 0xa1b23c4d)
		lab_die(path);
	while (fread(record, sizeof(record), 1, file) == 1 && record[2] <= sizeof(frame) &&
	       fread(frame, 1, record[2], file) == record[2]) {
		const double ms = record[0] * 1e3 + record[1] / 1e6;

		if (first_ms < 0)
			first_ms = ms;
		show_packet(ms - first_ms, frame, record[2]);
	}
	fclose(file);
}

int main(int argc, char **argv)
{
	if (lab_flag(argc, argv, 's'))
		serve();
	else if (lab_flag(argc, argv, 'd') && argc == 3)
		show_trace(argv[2]);
	else
		be_client((unsigned)lab_option(argc, argv, 'n', 12));
	return 0;
}
