/* SPDX-License-Identifier: MIT
 *
 * Frames from a hostile wire against the guest's TCP/IP (lwIP and guest/net). Each eight bytes of input and more
 * make one frame: a well-formed one of some kind, of which bytes are then changed; mostly its checksums are put
 * right afterwards, or all would be dropped at the door. TCP's numbers follow what the guest last sent, so that
 * connections come about, are served and break. State lives on from input to input.
 *
 * With FUZZ_COUNTED it is a program: fuzz_guest_net FRAMES [SEED].
 */
#include "tests/kernel/net_wire.h"

#define ECHO_PORT 7
#define SERVED 4 /* connections at the same time; the oldest one is closed */
#define CLOCK_EVERY 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct file *listener, *served[SERVED], *client, *datagrams, *raw;
static struct {
	uint8_t numbers[8]; /* sequence and acknowledgement of the guest's last segment */
	uint8_t ports[4];
	unsigned bytes;
} last;
static uint64_t frames, accepted, echoed, datagrams_read;

/* --- the guest's side: servers that read and answer */
static void sent(const uint8_t *frame, unsigned bytes)
{
	const unsigned header = (frame[14] & 15) * 4u, tcp = 14 + header;

	if (bytes < 54 || be16_get(frame + 12) != 0x0800 || frame[23] != 6 || bytes < tcp + 20)
		return;
	memcpy(last.ports, frame + tcp, 4);
	memcpy(last.numbers, frame + tcp + 4, 8);
	last.bytes = be16_get(frame + 16) - header - (frame[tcp + 12] >> 4) * 4u +
		     (frame[tcp + 13] & 3 ? 1 : 0);
}

static void start(void)
{
	const struct socket_name any = rig_name(0, 0, 0, 0, ECHO_PORT);

	rig_start();
	rig_sent = sent;
	listener = rig_socket(SOCK_STREAM, 0);
	datagrams = rig_socket(SOCK_DGRAM, 0);
	raw = rig_socket(SOCK_RAW, 1);
	if (listener->operations->socket->bind(listener, &any) ||
	    listener->operations->socket->listen(listener, 8) ||
	    datagrams->operations->socket->bind(datagrams, &any))
		abort();
}

static void serve(void)
{
	static uint8_t buffer[70000];
	static unsigned at;
	struct socket_name peer = rig_name(10, 0, 0, 1, 80);
	struct file *file;

	if (!listener->operations->socket->accept(listener, SOCK_NONBLOCK, &file, &peer)) {
		at = (at + 1) % SERVED;
		if (served[at])
			rig_close(served[at]);
		served[at] = file;
		accepted++;
	}
	for (unsigned i = 0; i < SERVED; i++) {
		const int64_t bytes = served[i] ? rig_read(served[i], buffer, sizeof(buffer)) : -1;

		if (bytes <= 0)
			continue;
		echoed += (uint64_t)bytes;
		rig_write(served[i], buffer, (size_t)bytes);
	}
	while (rig_read(datagrams, buffer, sizeof(buffer)) > 0 ||
	       rig_read(raw, buffer, sizeof(buffer)) > 0)
		datagrams_read++;
	if (client && frames % 4096 == 0) {
		rig_close(client);
		client = NULL;
	}
	if (!client) {
		peer = rig_name(10, 0, 0, 1, 80);
		client = rig_socket(SOCK_STREAM, 0);
		client->operations->socket->connect(client, &peer);
	}
	rig_write(client, buffer, 100);
}

/* --- frames */
/* A segment that fits the guest's last one; those without connection go to the echo server. */
static size_t make_tcp(uint8_t *frame, uint8_t flags, unsigned payload)
{
	const size_t at = make_ip(frame, 6, 20 + payload, 0);
	uint8_t *tcp = frame + at;
	const uint32_t expected = be32_get(last.numbers) + last.bytes;

	memset(tcp, 0, 20 + payload);
	if (flags == 2) { /* SYN */
		be16_put(tcp, 1024 + (unsigned)(frames % 64));
		be16_put(tcp + 2, ECHO_PORT);
	} else {
		memcpy(tcp, last.ports + 2, 2);
		memcpy(tcp + 2, last.ports, 2);
		memcpy(tcp + 4, last.numbers + 4, 4);
		be16_put(tcp + 8, expected >> 16);
		be16_put(tcp + 10, expected & 0xffff);
	}
	tcp[12] = 0x50;
	tcp[13] = flags;
	be16_put(tcp + 14, 8192);
	return at + 20 + payload;
}

static size_t make_udp(uint8_t *frame, unsigned port, unsigned payload)
{
	const size_t at = make_ip(frame, 17, 8 + payload, 0);

	memset(frame + at, 0, 8 + payload);
	be16_put(frame + at, 67);
	be16_put(frame + at + 2, port);
	be16_put(frame + at + 4, 8 + payload);
	return at + 8 + payload;
}

static size_t make_other(uint8_t *frame, uint8_t protocol, uint8_t type, unsigned fragment,
			 unsigned payload)
{
	const size_t at = make_ip(frame, protocol, payload, fragment);

	memset(frame + at, 0, payload);
	frame[at] = type;
	return at + payload;
}

static size_t make(uint8_t *frame, uint8_t kind, uint8_t detail)
{
	static const uint8_t flags[] = {2, 0x12, 0x10, 0x18, 0x11, 0x14, 4, 0x29};

	switch (kind % 16) {
	case 0: return make_arp(frame, 1 + detail % 2);
	case 1: return make_other(frame, 1, detail % 2 ? 8 : detail, 0, 8 + detail * 4u);
	case 2: return make_udp(frame, detail % 2 ? ECHO_PORT : 68, detail * 4u);
	case 3: return make_other(frame, 2, 0x11, 0, 8);
	case 4:
	case 5: return make_other(frame, 17, 0, (detail % 2 ? 0x2000 : 0) | detail / 2, 64);
	default: return make_tcp(frame, flags[kind / 16 % 8], kind & 1 ? detail * 5u : 0);
	}
}

/* kind, detail, how many changes, how to end; then pairs of place and value. */
static size_t one_frame(const uint8_t *data, size_t size)
{
	uint8_t frame[NET_FRAME_MAX];
	size_t bytes = make(frame, data[0], data[1]), used = 4;

	for (unsigned changes = data[2] % 8; changes && used + 2 <= size; changes--, used += 2)
		frame[data[used] % bytes] = data[used + 1];
	if (data[3] % 8)
		put_sums_right(frame, bytes);
	if (data[3] % 16 == 1)
		bytes = data[1] % bytes + 1;
	rig_deliver(frame, (unsigned)bytes);
	if (++frames % CLOCK_EVERY == 0)
		rig_pass(data[3] * RIG_MS);
	serve();
	return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!listener)
		start();
	while (size >= 8) {
		const size_t used = one_frame(data, size);

		data += used;
		size -= used;
	}
	return 0;
}

#ifdef FUZZ_COUNTED
int main(int count, char **words)
{
	const uint64_t wanted = count > 1 ? strtoull(words[1], NULL, 0) : 100000;
	uint64_t random = count > 2 ? strtoull(words[2], NULL, 0) : 1;
	uint8_t data[64];

	while (frames < wanted) {
		for (unsigned i = 0; i < sizeof(data); i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			data[i] = (uint8_t)(random >> 56);
		}
		LLVMFuzzerTestOneInput(data, sizeof(data));
	}
	printf("%lu frames: %lu connections accepted, %lu bytes echoed, %lu datagrams read; %zu bytes of "
	       "memory in use\n",
	       (unsigned long)frames, (unsigned long)accepted, (unsigned long)echoed,
	       (unsigned long)datagrams_read, rig_memory_used);
	return 0;
}
#endif
