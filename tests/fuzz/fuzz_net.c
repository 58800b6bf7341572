/* SPDX-License-Identifier: MIT
 *
 * Frames from another VM: headers and frames into the checks and the software offloads, whole
 * conversations into a port of a switch, the ring of a helper gone wrong, and the words of --net.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/net.h"
#include "backend/net_header.h"
#include "backend/net_hostfwd.h"
#include "backend/net_segment.h"
#include "cmd/net_options.h"
#include "slirp/frame_ring.h"

#define HEADER_BYTES sizeof(struct virtio_net_hdr_v1)
#define ALL_OFFLOADS (NET_OFFLOAD_CSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 | NET_OFFLOAD_TSO_ECN)
#define ROOM_BYTES (HEADER_BYTES + 4096)
#define FRAMES_MAX 8

static struct net *net;
static char runtime_dir[64];
static int peer_fd = -1;

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void remove_folder(void)
{
	char path[128];

	net_close(net);
	snprintf(path, sizeof(path), "%s/vitrine", runtime_dir);
	rmdir(path);
	rmdir(runtime_dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct net_options options = {.kind = NET_SWITCH, .switch_name = "fuzz", .queue_pairs = 1};
	char err[256];

	(void)argc, (void)argv;
	strcpy(runtime_dir, "/tmp/fuzz-net-XXXXXX");
	MUST(mkdtemp(runtime_dir));
	setenv("XDG_RUNTIME_DIR", runtime_dir, 1);
	MUST(net_open(&options, &net, err, sizeof(err)) == 0);
	return atexit(remove_folder);
}

/* Exactly as large as they say: the sanitizer sees the first byte beyond. */
static void check_offloads(const uint8_t *data, size_t size)
{
	struct virtio_net_hdr_v1 header;
	struct net_segments segments;
	size_t len = size - HEADER_BYTES, data_bytes = 0, next;
	uint8_t *frame = malloc(len + !len), *out = malloc(len + !len);

	memcpy(&header, data, HEADER_BYTES);
	memcpy(frame, data + HEADER_BYTES, len);
	if (net_header_is_sound(&header, len)) {
		unsigned offloads = net_header_offloads(&header);

		if (offloads & (NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6) &&
		    net_segments_start(&segments, &header, frame, len)) {
			while ((next = net_segments_next(&segments, out)) != 0) {
				MUST(next <= len && next > segments.data_at);
				data_bytes += next - segments.data_at;
			}
			MUST(data_bytes == len - segments.data_at);
		}
		net_header_complete_checksum(&header, frame, len);
		MUST(!(header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM));
	}
	free(frame);
	free(out);
}

/* Room in pieces of a size that the input chooses. */
static int receive(unsigned frame_count, size_t piece_bytes, uint8_t *room[FRAMES_MAX],
		   struct net_frame frame[FRAMES_MAX])
{
	static struct iovec iov[FRAMES_MAX][ROOM_BYTES / 16 + 2];

	for (unsigned i = 0; i < frame_count; i++) {
		unsigned pieces = 0;

		for (size_t at = 0; at < ROOM_BYTES; at += iov[i][pieces++].iov_len)
			iov[i][pieces] = (struct iovec){room[i] + at, ROOM_BYTES - at < piece_bytes
									      ? ROOM_BYTES - at
									      : piece_bytes};
		frame[i] = (struct net_frame){.iov = iov[i], .iov_count = pieces};
	}
	return net_receive_batch(net, 0, frame, frame_count);
}

static void take_all(unsigned choice)
{
	unsigned frame_count = 1 + choice % FRAMES_MAX;
	struct net_frame frame[FRAMES_MAX];
	uint8_t *room[FRAMES_MAX];
	int count;

	for (unsigned i = 0; i < frame_count; i++)
		room[i] = malloc(ROOM_BYTES);
	net_set_offloads(net, choice & 8 ? ALL_OFFLOADS : choice & 16 ? NET_OFFLOAD_CSUM : 0);
	while ((count = receive(frame_count, 16 + choice % 77, room, frame)) > 0)
		for (int i = 0; i < count; i++) {
			struct virtio_net_hdr_v1 header;

			MUST(frame[i].len_bytes >= HEADER_BYTES + 14 &&
			     frame[i].len_bytes <= ROOM_BYTES);
			memcpy(&header, room[i], HEADER_BYTES);
			MUST(net_header_is_sound(&header, frame[i].len_bytes - HEADER_BYTES));
			if (!(choice & 8))
				MUST(!(net_header_offloads(&header) & ~(unsigned)NET_OFFLOAD_CSUM));
		}
	MUST(count == -EAGAIN);
	for (unsigned i = 0; i < frame_count; i++)
		free(room[i]);
}

static void connect_peer(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (peer_fd >= 0)
		return;
	peer_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/vitrine/switch-fuzz/%d.0",
		 runtime_dir, getpid());
	while (connect(peer_fd, (struct sockaddr *)&address, sizeof(address))) {
		MUST(errno == EAGAIN); /* more wait than listen() allowed */
		take_all(0);
	}
}

/* Messages: a length in two bytes, then the bytes; a length of 0 closes the connection. */
static void converse(const uint8_t *data, size_t size)
{
	unsigned choice = data[0];

	for (data++, size--; size > 2;) {
		size_t len = (size_t)(data[0] | data[1] << 8) % 6000;

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		connect_peer();
		if (!len) {
			close(peer_fd);
			peer_fd = -1;
		} else if (send(peer_fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			take_all(choice);
		}
		data += len;
		size -= len;
	}
	take_all(choice);
}

/* A segment to be cut, with some bytes changed: three of the input each, where and to what. */
static void check_near_tcp(const uint8_t *data, size_t size)
{
	static const struct virtio_net_hdr_v1 header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
							.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
							.gso_size = 100,
							.hdr_len = 54,
							.csum_start = 34,
							.csum_offset = 16};
	uint8_t frame[HEADER_BYTES + 700] = {0};
	bool is_ipv6 = data[0] & 1;

	memcpy(frame, &header, HEADER_BYTES);
	frame[1] = is_ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
	frame[HEADER_BYTES + 12] = is_ipv6 ? 0x86 : 0x08;
	frame[HEADER_BYTES + 13] = is_ipv6 ? 0xdd : 0x00;
	frame[HEADER_BYTES + 14] = is_ipv6 ? 0x60 : 0x45;
	frame[HEADER_BYTES + (is_ipv6 ? 20 : 23)] = 6;
	frame[HEADER_BYTES + (is_ipv6 ? 66 : 46)] = 5 << 4;
	for (size_t at = 1; at + 3 <= size; at += 3)
		frame[(data[at] | data[at + 1] << 8) % sizeof(frame)] = data[at + 2];
	check_offloads(frame, HEADER_BYTES + (data[0] >> 1) * 5 % 700);
}

/* A helper that was taken over writes what it likes into the ring: positions first, then records. */
static void read_ring(const uint8_t *data, size_t size)
{
	int fd = frame_ring_create_pair();
	struct frame_ring rings[2];
	uint32_t len_bytes;
	uint8_t *frame;
	void *mapping;

	MUST(frame_ring_map(fd, -1, rings, &mapping) == 0);
	memcpy(mapping, data, size < 8 ? size : 8);
	if (size > 8)
		memcpy((uint8_t *)mapping + 4096, data + 8,
		       size - 8 < FRAME_RING_BYTES ? size - 8 : FRAME_RING_BYTES);
	for (unsigned i = 0; (frame = frame_ring_peek(&rings[0], &len_bytes)) != NULL; i++) {
		MUST(i <= FRAME_RING_BYTES / 8);
		MUST(frame >= (uint8_t *)mapping + 4096 &&
		     frame + len_bytes <= (uint8_t *)mapping + 4096 + FRAME_RING_BYTES);
		frame_ring_drop(&rings[0]);
		frame_ring_release(&rings[0]);
	}
	frame_ring_unmap(mapping);
	close(fd);
}

static void parse_words(const uint8_t *data, size_t size)
{
	struct net_card_options options;
	struct slirp_forward forward;
	char err[256] = "", *text = strndup((const char *)data, size);

	if (net_card_options_parse(text, &options, err, sizeof(err)) == 0)
		net_card_options_free(&options);
	else
		MUST(err[0]);
	net_hostfwd_parse(text, &forward);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	switch (data[0] % 5) {
	case 0:
		if (size > HEADER_BYTES + 1)
			check_offloads(data + 1, size - 1);
		break;
	case 1: converse(data + 1, size - 1); break;
	case 2: check_near_tcp(data + 1, size - 1); break;
	case 3: read_ring(data + 1, size - 1); break;
	default: parse_words(data + 1, size - 1); break;
	}
	return 0;
}
