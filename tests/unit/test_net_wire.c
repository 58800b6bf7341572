/* SPDX-License-Identifier: MIT
 *
 * What is written down of frames, and which are lost: frames in one piece and in many, too short ones, and files
 * that can't be made.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/net.h"
#include "backend/net_wire.h"

#define ETHERNET_BYTES 14

static char path[] = "/tmp/net-wire.XXXXXX";
static char err[128];

/* A frame of bytes bytes behind the header, in pieces of at most piece bytes. */
static struct net_frame frame_of(uint8_t *room, size_t bytes, unsigned type, size_t piece)
{
	static struct iovec iov[64];
	struct net_frame frame = {.iov = iov};

	for (size_t i = 0; i < bytes; i++)
		room[NET_HEADER_BYTES + i] = (uint8_t)(i + 1);
	if (bytes >= ETHERNET_BYTES) {
		room[NET_HEADER_BYTES + 12] = (uint8_t)(type >> 8);
		room[NET_HEADER_BYTES + 13] = (uint8_t)type;
	}
	for (size_t at = 0; at < NET_HEADER_BYTES + bytes; at += piece) {
		const size_t rest = NET_HEADER_BYTES + bytes - at;

		iov[frame.iov_count++] = (struct iovec){room + at, rest < piece ? rest : piece};
	}
	return frame;
}

static void test_file(void **state)
{
	static const size_t pieces[] = {1000, 12, 7, 1};
	uint8_t room[64], read_back[64];
	struct net_wire *wire;
	uint32_t head[6], record[4];
	FILE *file;

	(void)state;
	assert_int_equal(net_wire_open(path, 0, &wire, err, sizeof(err)), 0);
	for (unsigned i = 0; i < 4; i++) {
		const struct net_frame frame = frame_of(room, 20 + i, 0x0800, pieces[i]);

		assert_false(net_wire_loses(wire, &frame));
		net_wire_note(wire, &frame, 20 + i);
	}
	file = fopen(path, "r"); /* while it is still being written */
	assert_non_null(file);
	assert_int_equal(fread(head, sizeof(head), 1, file), 1);
	assert_int_equal(head[0], 0xa1b23c4d);
	assert_int_equal(head[5], 1);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(fread(record, sizeof(record), 1, file), 1);
		assert_true(record[1] < 1000000000);
		assert_int_equal(record[2], 20 + i);
		assert_int_equal(record[3], 20 + i);
		assert_int_equal(fread(read_back, 20 + i, 1, file), 1);
		frame_of(room, 20 + i, 0x0800, 1000);
		assert_memory_equal(read_back, room + NET_HEADER_BYTES, 20 + i);
	}
	assert_int_equal(fgetc(file), EOF);
	fclose(file);
	net_wire_close(wire);
}

static void test_loss(void **state)
{
	uint8_t room[64];
	struct net_wire *wire;
	unsigned lost = 0;

	(void)state;
	assert_int_equal(net_wire_open(NULL, 3, &wire, err, sizeof(err)), 0);
	for (unsigned i = 1; i <= 9; i++) {
		struct net_frame frame = frame_of(room, 20, 0x0806, 7); /* ARP isn't counted */

		assert_false(net_wire_loses(wire, &frame));
		frame = frame_of(room, i % 14, 0x0800, 7); /* nor what ends too early */
		assert_false(net_wire_loses(wire, &frame));
		frame = frame_of(room, 20, 0x0800, 5);
		lost += net_wire_loses(wire, &frame);
		assert_int_equal(lost, i / 3);
		net_wire_note(wire, &frame, 20); /* there is no file */
	}
	net_wire_close(wire);
}

static void test_open(void **state)
{
	struct net_wire *wire = (struct net_wire *)err;

	(void)state;
	assert_int_equal(net_wire_open(NULL, 0, &wire, err, sizeof(err)), 0);
	assert_null(wire);
	net_wire_close(wire);
	assert_int_equal(net_wire_open("/no/such/folder/x", 0, &wire, err, sizeof(err)), -ENOENT);
	assert_null(wire);
	assert_string_equal(err, "/no/such/folder/x: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_open),
	};
	const int fd = mkstemp(path);
	int failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
