/* SPDX-License-Identifier: MIT
 *
 * A state machine for what comes in, one byte at a time, and the writer of what goes out.
 *
 *              '$'              '#'                digit               digit
 *     IDLE ----------> PAYLOAD ------> SUM_HIGH ----------> SUM_LOW ----------> IDLE
 *                      ^     |
 *                      +-----+ '$': begins again
 */
#include "gdb/packet.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ESCAPE '}'
#define ESCAPE_XOR 0x20
#define INTERRUPT 0x03

static int digit_value(uint8_t digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

static enum gdb_input begin(struct gdb_reader *reader)
{
	reader->state = GDB_READ_PAYLOAD;
	reader->escaped = false;
	reader->too_long = false;
	reader->sum_invalid = false;
	reader->sum = 0;
	reader->sum_received = 0;
	reader->length = 0;
	return GDB_INPUT_MORE;
}

static enum gdb_input between_packets(struct gdb_reader *reader, uint8_t byte)
{
	switch (byte) {
	case '$': return begin(reader);
	case '-': return GDB_INPUT_RESEND;
	case INTERRUPT: return GDB_INPUT_INTERRUPT;
	default: return GDB_INPUT_MORE; /* '+', or noise */
	}
}

static enum gdb_input take_payload(struct gdb_reader *reader, uint8_t byte)
{
	if (byte == '#') {
		reader->state = GDB_READ_SUM_HIGH;
		return GDB_INPUT_MORE;
	}
	if (byte == '$')
		return begin(reader);
	reader->sum += byte;
	if (byte == ESCAPE && !reader->escaped) {
		reader->escaped = true;
		return GDB_INPUT_MORE;
	}
	if (reader->length == GDB_PACKET_MAX)
		reader->too_long = true;
	else
		reader->payload[reader->length++] = (char)(reader->escaped ? byte ^ ESCAPE_XOR
									   : byte);
	reader->escaped = false;
	return GDB_INPUT_MORE;
}

static void take_sum(struct gdb_reader *reader, uint8_t byte)
{
	int value = digit_value(byte);

	if (value < 0)
		reader->sum_invalid = true;
	else
		reader->sum_received = (uint8_t)(reader->sum_received << 4 | value);
}

static enum gdb_input finish(struct gdb_reader *reader)
{
	reader->state = GDB_READ_IDLE;
	reader->payload[reader->length] = '\0';
	if (reader->sum_invalid || reader->sum != reader->sum_received)
		return GDB_INPUT_CORRUPT;
	return reader->too_long ? GDB_INPUT_TOO_LONG : GDB_INPUT_PACKET;
}

enum gdb_input gdb_reader_push(struct gdb_reader *reader, uint8_t byte)
{
	switch (reader->state) {
	case GDB_READ_PAYLOAD: return take_payload(reader, byte);
	case GDB_READ_SUM_HIGH:
		take_sum(reader, byte);
		reader->state = GDB_READ_SUM_LOW;
		return GDB_INPUT_MORE;
	case GDB_READ_SUM_LOW: take_sum(reader, byte); return finish(reader);
	default: return between_packets(reader, byte);
	}
}

void gdb_reply_clear(struct gdb_reply *reply)
{
	reply->length = 0;
	reply->truncated = false;
}

void gdb_reply_bytes(struct gdb_reply *reply, const void *bytes, size_t length)
{
	size_t room = sizeof(reply->payload) - reply->length;

	if (length > room) {
		reply->truncated = true;
		length = room;
	}
	memcpy(reply->payload + reply->length, bytes, length);
	reply->length += length;
}

void gdb_reply_text(struct gdb_reply *reply, const char *format, ...)
{
	char text[512];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if ((size_t)length >= sizeof(text)) {
		reply->truncated = true;
		length = sizeof(text) - 1;
	}
	gdb_reply_bytes(reply, text, (size_t)length);
}

void gdb_reply_hex(struct gdb_reply *reply, const void *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < length; i++) {
		char pair[2] = {digits[byte[i] >> 4], digits[byte[i] & 15]};

		gdb_reply_bytes(reply, pair, sizeof(pair));
	}
}

static bool must_be_escaped(char byte)
{
	return byte == '$' || byte == '#' || byte == ESCAPE || byte == '*';
}

size_t gdb_frame(const struct gdb_reply *reply, uint8_t frame[GDB_FRAME_MAX])
{
	size_t length = 0;
	uint8_t sum = 0;
	char digits[3];

	frame[length++] = '$';
	for (size_t i = 0; i < reply->length; i++) {
		char byte = reply->payload[i];

		if (must_be_escaped(byte)) {
			frame[length++] = ESCAPE;
			byte ^= ESCAPE_XOR;
		}
		frame[length++] = (uint8_t)byte;
	}
	for (size_t i = 1; i < length; i++)
		sum += frame[i];
	frame[length++] = '#';
	snprintf(digits, sizeof(digits), "%02x", sum);
	memcpy(frame + length, digits, 2);
	return length + 2;
}

static void advance(struct gdb_cursor *cursor, size_t length)
{
	cursor->at += length;
	cursor->left -= length;
}

bool gdb_take_char(struct gdb_cursor *cursor, char expected)
{
	if (!cursor->left || *cursor->at != expected)
		return false;
	advance(cursor, 1);
	return true;
}

bool gdb_take_word(struct gdb_cursor *cursor, const char *expected)
{
	size_t length = strlen(expected);

	if (cursor->left < length || memcmp(cursor->at, expected, length) != 0)
		return false;
	advance(cursor, length);
	return true;
}

bool gdb_take_number(struct gdb_cursor *cursor, uint64_t *value)
{
	struct gdb_cursor rest = *cursor;
	uint64_t result = 0;

	while (rest.left && digit_value((uint8_t)*rest.at) >= 0) {
		if (result >> 60)
			return false; /* more than 64 bits */
		result = result << 4 | (uint64_t)digit_value((uint8_t)*rest.at);
		advance(&rest, 1);
	}
	if (rest.left == cursor->left)
		return false;
	*cursor = rest;
	*value = result;
	return true;
}

bool gdb_take_hex(struct gdb_cursor *cursor, void *bytes, size_t length)
{
	uint8_t *out = bytes;

	if (cursor->left / 2 < length)
		return false;
	for (size_t i = 0; i < length; i++) {
		int high = digit_value((uint8_t)cursor->at[2 * i]);
		int low = digit_value((uint8_t)cursor->at[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	advance(cursor, 2 * length);
	return true;
}
