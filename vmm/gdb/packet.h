/* SPDX-License-Identifier: MIT
 *
 * Framing of gdb's remote serial protocol: $payload#checksum, acknowledgements, escapes, the interrupt
 * byte; and reading and writing of the hexadecimal fields inside a payload. Pure: no sockets, no VM.
 *
 * Follows the chapter "Remote Protocol", section "Overview", of gdb's manual.
 */
#ifndef VITRINE_GDB_PACKET_H
#define VITRINE_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest payload, both ways; told to gdb as PacketSize. */
#define GDB_PACKET_MAX 16384
/* Everything may have to be escaped; then $, # and two digits. */
#define GDB_FRAME_MAX (2 * GDB_PACKET_MAX + 4)

enum gdb_input {
	GDB_INPUT_MORE,	     /* nothing complete yet */
	GDB_INPUT_PACKET,    /* payload[0..length) is there, and a NUL behind it */
	GDB_INPUT_TOO_LONG,  /* a packet of more than GDB_PACKET_MAX bytes was dropped */
	GDB_INPUT_CORRUPT,   /* its checksum was wrong */
	GDB_INPUT_INTERRUPT, /* Ctrl-C */
	GDB_INPUT_RESEND     /* '-': gdb did not get our last packet */
};

enum gdb_reader_state { GDB_READ_IDLE, GDB_READ_PAYLOAD, GDB_READ_SUM_HIGH, GDB_READ_SUM_LOW };

/* One connection's incoming bytes. All zero is its first state. */
struct gdb_reader {
	enum gdb_reader_state state;
	bool escaped;
	bool too_long;
	uint8_t sum;
	uint8_t sum_received; /* 4 bits, then 8 */
	bool sum_invalid;
	size_t length;
	char payload[GDB_PACKET_MAX + 1];
};

/* Takes the next byte. The payload stays valid until the next call. */
enum gdb_input gdb_reader_push(struct gdb_reader *reader, uint8_t byte);

/* A payload being written. What doesn't fit is dropped and remembered in truncated. */
struct gdb_reply {
	size_t length;
	bool truncated;
	char payload[GDB_PACKET_MAX];
};

void gdb_reply_clear(struct gdb_reply *reply);
void gdb_reply_text(struct gdb_reply *reply, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void gdb_reply_bytes(struct gdb_reply *reply, const void *bytes, size_t length);
/* Two digits per byte, in the order in which they lie in memory. */
void gdb_reply_hex(struct gdb_reply *reply, const void *bytes, size_t length);

/* The reply as it goes over the wire; returns the number of bytes in frame. */
size_t gdb_frame(const struct gdb_reply *reply, uint8_t frame[GDB_FRAME_MAX]);

/* What has not been parsed yet of a payload. */
struct gdb_cursor {
	const char *at;
	size_t left;
};

/* Each takes something off the front, or leaves the cursor alone and returns false. */
bool gdb_take_char(struct gdb_cursor *cursor, char expected);
bool gdb_take_word(struct gdb_cursor *cursor, const char *expected);
bool gdb_take_number(struct gdb_cursor *cursor, uint64_t *value); /* hexadecimal, big-endian */
bool gdb_take_hex(struct gdb_cursor *cursor, void *bytes, size_t length);

#endif
