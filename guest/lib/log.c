/* SPDX-License-Identifier: MIT
 *
 * Records (header and text, padded to 8 bytes) in a ring of bytes. Positions run freely; oldest <=
 * every valid place <= newest.
 */
#include "guest/lib/log.h"

#include "guest/arch/spinlock.h"
#include "guest/lib/string.h"
#include "guest/time/clock.h"

#define ALIGN 8

struct header {
	uint64_t sequence, time_ns;
	uint32_t level, length;
};

static char ring[LOG_RING_BYTES] __attribute__((aligned(ALIGN)));
static uint64_t oldest, newest, sequence;
static struct log_line pending; /* has no newline yet */
static struct spinlock lock;
static void (*on_line)(void);

static void copy_in(uint64_t at, const void *from, size_t bytes)
{
	const size_t offset = at % LOG_RING_BYTES;
	const size_t first = bytes < LOG_RING_BYTES - offset ? bytes : LOG_RING_BYTES - offset;

	memcpy(ring + offset, from, first);
	memcpy(ring, (const char *)from + first, bytes - first);
}

static void copy_out(void *to, uint64_t at, size_t bytes)
{
	const size_t offset = at % LOG_RING_BYTES;
	const size_t first = bytes < LOG_RING_BYTES - offset ? bytes : LOG_RING_BYTES - offset;

	memcpy(to, ring + offset, first);
	memcpy((char *)to + first, ring, bytes - first);
}

static uint64_t record_bytes(uint32_t length)
{
	return (sizeof(struct header) + length + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

static void commit(void)
{
	const struct header header = {sequence++, pending.time_ns, pending.level, pending.length};
	const uint64_t bytes = record_bytes(pending.length);

	while (newest + bytes - oldest > LOG_RING_BYTES) {
		struct header old;

		copy_out(&old, oldest, sizeof(old));
		oldest += record_bytes(old.length);
	}
	copy_in(newest, &header, sizeof(header));
	copy_in(newest + sizeof(header), pending.text, pending.length);
	newest += bytes;
	pending.length = 0;
}

void log_add(enum log_level level, const char *text, size_t length)
{
	const uint64_t flags = spin_lock(&lock);
	void (*const listener)(void) = on_line;
	const uint64_t before = sequence;

	for (size_t i = 0; i < length; i++) {
		if (!pending.length) {
			pending.time_ns = clock_ns();
			pending.level = level;
		}
		if (text[i] != '\n')
			pending.text[pending.length++] = text[i];
		if (pending.length == LOG_LINE_MAX || (text[i] == '\n' && pending.length))
			commit();
	}
	spin_unlock(&lock, flags);
	if (listener && sequence != before)
		listener();
}

bool log_next(struct log_place *place, struct log_line *line, bool *lost)
{
	const uint64_t flags = spin_lock(&lock);
	struct header header;
	bool found;

	*lost = place->at < oldest;
	if (*lost)
		place->at = oldest;
	found = place->at < newest;
	if (found) {
		copy_out(&header, place->at, sizeof(header));
		line->sequence = header.sequence;
		line->time_ns = header.time_ns;
		line->level = header.level;
		line->length = header.length;
		copy_out(line->text, place->at + sizeof(header), header.length);
		place->at += record_bytes(header.length);
	}
	spin_unlock(&lock, flags);
	return found;
}

bool log_has_next(const struct log_place *place)
{
	return place->at < __atomic_load_n(&newest, __ATOMIC_ACQUIRE);
}

struct log_place log_end(void)
{
	return (struct log_place){__atomic_load_n(&newest, __ATOMIC_ACQUIRE)};
}

void log_take_over(void)
{
	__atomic_store_n(&lock.held, 0, __ATOMIC_RELEASE);
	on_line = NULL;
}

void log_set_listener(void (*listener)(void))
{
	on_line = listener;
}
