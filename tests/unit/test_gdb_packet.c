/* SPDX-License-Identifier: MIT
 *
 * Framing of gdb's packets: good ones, every kind of bad one, and the limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gdb/packet.h"

/* Pushes all bytes; returns what the last one brought. Earlier ones must bring nothing. */
static enum gdb_input push(struct gdb_reader *reader, const char *bytes, size_t length)
{
	enum gdb_input input = GDB_INPUT_MORE;

	for (size_t i = 0; i < length; i++) {
		assert_int_equal(input, GDB_INPUT_MORE);
		input = gdb_reader_push(reader, (uint8_t)bytes[i]);
	}
	return input;
}

static void test_frames(void **state)
{
	static const struct {
		const char *bytes;
		enum gdb_input input;
		const char *payload;
	} cases[] = {
		{"$g#67", GDB_INPUT_PACKET, "g"},
		{"+$g#67", GDB_INPUT_PACKET, "g"},
		{"$#00", GDB_INPUT_PACKET, ""},
		{"$m1000,4#8E", GDB_INPUT_PACKET, "m1000,4"},
		{"noise$g#67", GDB_INPUT_PACKET, "g"},
		{"$half$g#67", GDB_INPUT_PACKET, "g"},
		{"$half}$g#67", GDB_INPUT_PACKET, "g"},
		{"$X}\x03}\x04}]#33", GDB_INPUT_PACKET, "X#$}"},
		{"$\x03#03", GDB_INPUT_PACKET, "\x03"},
		{"$g#68", GDB_INPUT_CORRUPT, NULL},
		{"$g#6x", GDB_INPUT_CORRUPT, NULL},
		{"$g#x7", GDB_INPUT_CORRUPT, NULL},
		{"$g##7", GDB_INPUT_CORRUPT, NULL},
		{"$g#$g", GDB_INPUT_CORRUPT, NULL},
		{"\x03", GDB_INPUT_INTERRUPT, NULL},
		{"+++\x03", GDB_INPUT_INTERRUPT, NULL},
		{"-", GDB_INPUT_RESEND, NULL},
		{"+", GDB_INPUT_MORE, NULL},
		{"$g#6", GDB_INPUT_MORE, NULL},
	};
	struct gdb_reader reader;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		memset(&reader, 0, sizeof(reader));
		assert_int_equal(push(&reader, cases[i].bytes, strlen(cases[i].bytes)),
				 cases[i].input);
		if (cases[i].payload) {
			assert_string_equal(reader.payload, cases[i].payload);
			assert_int_equal(reader.length, strlen(cases[i].payload));
		}
	}
}

static enum gdb_input push_long(struct gdb_reader *reader, size_t length)
{
	char sum[4] = "#00";
	uint8_t total = 0;

	assert_int_equal(push(reader, "$", 1), GDB_INPUT_MORE);
	for (size_t i = 0; i < length; i++) {
		assert_int_equal(gdb_reader_push(reader, 'a'), GDB_INPUT_MORE);
		total += 'a';
	}
	sum[1] = "0123456789abcdef"[total >> 4];
	sum[2] = "0123456789abcdef"[total & 15];
	return push(reader, sum, 3);
}

static void test_limits(void **state)
{
	static struct gdb_reader reader;

	(void)state;
	assert_int_equal(push_long(&reader, GDB_PACKET_MAX), GDB_INPUT_PACKET);
	assert_int_equal(reader.length, GDB_PACKET_MAX);
	assert_int_equal(push_long(&reader, GDB_PACKET_MAX + 1), GDB_INPUT_TOO_LONG);
	assert_int_equal(push_long(&reader, 10 * GDB_PACKET_MAX), GDB_INPUT_TOO_LONG);
	assert_int_equal(push(&reader, "$g#67", 5), GDB_INPUT_PACKET);
	assert_string_equal(reader.payload, "g");
}

/* What gdb_frame() writes, gdb_reader_push() reads. */
static void test_round_trip(void **state)
{
	static struct gdb_reply reply;
	static struct gdb_reader reader;
	static uint8_t frame[GDB_FRAME_MAX];
	size_t length;

	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		uint8_t both[2] = {(uint8_t)byte, (uint8_t)(255 - byte)};

		gdb_reply_bytes(&reply, both, sizeof(both));
	}
	length = gdb_frame(&reply, frame);
	assert_int_equal(push(&reader, (const char *)frame, length), GDB_INPUT_PACKET);
	assert_int_equal(reader.length, reply.length);
	assert_memory_equal(reader.payload, reply.payload, reply.length);
	assert_null(memchr(frame + 1, '$', length - 1));
	assert_null(memchr(frame, '*', length));
}

static void test_reply_limits(void **state)
{
	static struct gdb_reply reply;
	static uint8_t frame[GDB_FRAME_MAX];
	static char dollars[GDB_PACKET_MAX];

	(void)state;
	memset(dollars, '$', sizeof(dollars));
	gdb_reply_bytes(&reply, dollars, sizeof(dollars));
	assert_false(reply.truncated);
	assert_int_equal(gdb_frame(&reply, frame), GDB_FRAME_MAX);
	gdb_reply_text(&reply, "x");
	assert_true(reply.truncated);
	assert_int_equal(reply.length, GDB_PACKET_MAX);
	gdb_reply_clear(&reply);
	gdb_reply_hex(&reply, "\x01\xfe", 2);
	gdb_reply_text(&reply, "-%d", 7);
	assert_int_equal(reply.length, 6);
	assert_memory_equal(reply.payload, "01fe-7", 6);
}

static void test_cursor(void **state)
{
	struct gdb_cursor cursor = {"1aF,ffffffffffffffff;10000000000000000", 38};
	struct gdb_cursor before;
	uint64_t number;
	uint8_t bytes[2];

	(void)state;
	assert_true(gdb_take_number(&cursor, &number));
	assert_int_equal(number, 0x1af);
	assert_false(gdb_take_number(&cursor, &number));
	assert_false(gdb_take_char(&cursor, ';'));
	assert_true(gdb_take_char(&cursor, ','));
	assert_true(gdb_take_number(&cursor, &number));
	assert_true(number == UINT64_MAX);
	assert_true(gdb_take_word(&cursor, ";"));
	before = cursor;
	assert_false(gdb_take_number(&cursor, &number)); /* 65 bits */
	assert_ptr_equal(cursor.at, before.at);
	cursor = (struct gdb_cursor){"12g4", 4};
	assert_false(gdb_take_hex(&cursor, bytes, 2));
	assert_false(gdb_take_hex(&cursor, bytes, 3));
	assert_true(gdb_take_hex(&cursor, bytes, 1));
	assert_int_equal(bytes[0], 0x12);
	assert_int_equal(cursor.left, 2);
	cursor.left = 0;
	assert_false(gdb_take_char(&cursor, 'g'));
	assert_false(gdb_take_number(&cursor, &number));
	assert_false(gdb_take_word(&cursor, "g"));
	assert_true(gdb_take_hex(&cursor, bytes, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),	   cmocka_unit_test(test_limits),
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_reply_limits),
		cmocka_unit_test(test_cursor),
	};

	return cmocka_run_group_tests_name("gdb packets", tests, NULL, NULL);
}
