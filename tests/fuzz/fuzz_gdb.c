/* SPDX-License-Identifier: MIT
 *
 * Arbitrary bytes from a debugger, between runs, stops and resets of a fake target. libFuzzer:
 *
 *     make fuzz-gdb && build/fuzz/fuzz_gdb -max_total_time=120 -dict=tests/fuzz/gdb.dict
 *
 * An input is lines: a line is put into a packet with a good checksum. Its first byte, if it is one of
 * those below 32 that are listed here, does something else first.
 */
#include "../unit/fake_gdb_target.h"

#include <assert.h>
#include <stdlib.h>

#include "observe/counters.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RUN = 1, RESET, INTERRUPT, RAW, RECONNECT, DEPRIVILEGED, FOREIGN_STOP };

struct fuzz {
	struct gdb_session session;
	struct fake_target fake;
	size_t sent_for_byte;
};

const char *exit_reason_name(enum exit_reason reason)
{
	(void)reason;
	return "?";
}

static void count(void *ctx, const void *bytes, size_t length)
{
	struct fuzz *fuzz = ctx;
	volatile uint8_t last = length ? ((const uint8_t *)bytes)[length - 1] : 0;

	(void)last;
	fuzz->sent_for_byte += length;
	assert(fuzz->sent_for_byte <= 3 * GDB_FRAME_MAX);
}

static void push(struct fuzz *fuzz, uint8_t byte)
{
	fuzz->sent_for_byte = 0;
	gdb_session_push(&fuzz->session, byte);
	/* A VM that gdb believes to run must run: nothing else would ever stop it again. */
	assert(fuzz->session.state != GDB_RUNNING || fuzz->fake.running);
}

static void reset(struct fuzz *fuzz)
{
	bool was_running = fuzz->session.state != GDB_HALTED;
	bool deprivileged = fuzz->fake.deprivileged;
	struct gdb_target target;

	gdb_session_set_target(&fuzz->session, NULL);
	push(fuzz, 3);
	target = fake_target_init(&fuzz->fake, &fuzz->session);
	fuzz->fake.deprivileged = deprivileged;
	gdb_session_set_target(&fuzz->session, &target);
	fuzz->fake.running = was_running;
	fuzz->fake.only = GDB_ALL_CPUS;
}

static void reconnect(struct fuzz *fuzz)
{
	gdb_session_detach(&fuzz->session);
	assert(fuzz->fake.running && !fuzz->fake.debug[0].enabled);
	for (size_t i = 0; i < GDB_BREAKPOINT_MAX; i++)
		assert(!fuzz->session.breakpoints.entry[i].used);
	gdb_session_attach(&fuzz->session);
	assert(!fuzz->fake.running);
}

static void foreign_stop(struct fuzz *fuzz)
{
	struct vcpu_debug_stop stop = {.rip = FAKE_BASE, .exception = 3, .dr6 = 15};

	gdb_session_post_stop(&fuzz->session, 1, &stop);
	fuzz->sent_for_byte = 0;
	gdb_session_settle(&fuzz->session);
}

static bool act(struct fuzz *fuzz, uint8_t what)
{
	switch (what) {
	case RUN:
		fuzz->sent_for_byte = 0;
		fake_run(&fuzz->fake, 3000);
		return true;
	case RESET: reset(fuzz); return true;
	case INTERRUPT: push(fuzz, 3); return true;
	case RECONNECT: reconnect(fuzz); return true;
	case DEPRIVILEGED: fuzz->fake.deprivileged = !fuzz->fake.deprivileged; return true;
	case FOREIGN_STOP: foreign_stop(fuzz); return true;
	default: return false;
	}
}

static void push_packet(struct fuzz *fuzz, const uint8_t *line, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t sum = 0;

	push(fuzz, '$');
	for (size_t i = 0; i < length; i++) {
		push(fuzz, line[i]);
		sum += line[i];
	}
	push(fuzz, '#');
	push(fuzz, (uint8_t)digits[sum >> 4]);
	push(fuzz, (uint8_t)digits[sum & 15]);
}

static void take_line(struct fuzz *fuzz, const uint8_t *line, size_t length)
{
	if (length && act(fuzz, *line)) {
		line++;
		length--;
	}
	if (length && *line == RAW)
		for (size_t i = 1; i < length; i++)
			push(fuzz, line[i]);
	else if (length)
		push_packet(fuzz, line, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz *fuzz = calloc(1, sizeof(*fuzz));
	struct gdb_target target;

	gdb_session_init(&fuzz->session, count, fuzz);
	target = fake_target_init(&fuzz->fake, &fuzz->session);
	gdb_session_set_target(&fuzz->session, &target);
	gdb_session_attach(&fuzz->session);
	while (size) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t length = end ? (size_t)(end - data) : size;

		take_line(fuzz, data, length);
		data += length + (end != NULL);
		size -= length + (end != NULL);
	}
	reconnect(fuzz);
	gdb_session_destroy(&fuzz->session);
	free(fuzz);
	return 0;
}
