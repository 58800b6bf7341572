/* SPDX-License-Identifier: MIT
 *
 * See net_wire.h.
 */
#include "backend/net_wire.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/net.h"
#include "backend/net_socket.h"

#define PCAP_MAGIC_NS 0xa1b23c4du
#define PCAP_ETHERNET 1
#define ETHERTYPE_AT 12
#define ETHERTYPE_IPV4 0x0800

struct pcap_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t reserved[2], snap_bytes, link_type;
};

struct pcap_record {
	uint32_t sec, nsec, kept_bytes, len_bytes;
};

struct net_wire {
	FILE *file; /* NULL: not written down */
	unsigned lose, sent;
	pthread_mutex_t lock;
};

static int open_file(struct net_wire *wire, const char *path)
{
	const struct pcap_header header = {PCAP_MAGIC_NS, 2, 4, {0, 0}, NET_FRAME_MAX,
					   PCAP_ETHERNET};

	wire->file = fopen(path, "we");
	if (!wire->file || fwrite(&header, sizeof(header), 1, wire->file) != 1 ||
	    fflush(wire->file))
		return -errno;
	return 0;
}

int net_wire_open(const char *path, unsigned lose, struct net_wire **out, char *err,
		  size_t err_size)
{
	struct net_wire *wire;
	int error = 0;

	*out = NULL;
	if (!path && !lose)
		return 0;
	wire = calloc(1, sizeof(*wire));
	if (!wire)
		return -ENOMEM;
	wire->lose = lose;
	pthread_mutex_init(&wire->lock, NULL);
	if (path)
		error = open_file(wire, path);
	if (error) {
		snprintf(err, err_size, "%s: %s", path, strerror(-error));
		net_wire_close(wire);
		return error;
	}
	*out = wire;
	return 0;
}

void net_wire_close(struct net_wire *wire)
{
	if (!wire)
		return;
	if (wire->file)
		fclose(wire->file);
	pthread_mutex_destroy(&wire->lock);
	free(wire);
}

bool net_wire_loses(struct net_wire *wire, const struct net_frame *frame)
{
	uint8_t start[NET_HEADER_BYTES + ETHERTYPE_AT + 2];
	const uint8_t *type = &start[NET_HEADER_BYTES + ETHERTYPE_AT];
	bool lost;

	if (!wire->lose || !net_frame_peek(frame, start, sizeof(start)) ||
	    (type[0] << 8 | type[1]) != ETHERTYPE_IPV4)
		return false;
	pthread_mutex_lock(&wire->lock);
	lost = ++wire->sent % wire->lose == 0;
	pthread_mutex_unlock(&wire->lock);
	return lost;
}

static void write_frame(FILE *file, const struct net_frame *frame, size_t len_bytes)
{
	size_t skip = NET_HEADER_BYTES;

	for (unsigned i = 0; i < frame->iov_count && len_bytes; i++) {
		const size_t from = skip < frame->iov[i].iov_len ? skip : frame->iov[i].iov_len;
		const size_t rest = frame->iov[i].iov_len - from;
		const size_t part = rest < len_bytes ? rest : len_bytes;

		fwrite((const uint8_t *)frame->iov[i].iov_base + from, 1, part, file);
		skip -= from;
		len_bytes -= part;
	}
}

/* Whole records only, so that the file can be read while the VM runs, and after a crash. */
void net_wire_note(struct net_wire *wire, const struct net_frame *frame, size_t len_bytes)
{
	struct timespec now;
	struct pcap_record record;

	if (!wire->file)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	record = (struct pcap_record){(uint32_t)now.tv_sec, (uint32_t)now.tv_nsec,
				      (uint32_t)len_bytes, (uint32_t)len_bytes};
	pthread_mutex_lock(&wire->lock);
	fwrite(&record, sizeof(record), 1, wire->file);
	write_frame(wire->file, frame, len_bytes);
	fflush(wire->file);
	pthread_mutex_unlock(&wire->lock);
}
