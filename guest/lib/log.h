/* SPDX-License-Identifier: MIT
 *
 * The kernel log: the last lines that print() wrote, each with its level and time, in a ring.
 */
#ifndef GUEST_LIB_LOG_H
#define GUEST_LIB_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_RING_BYTES 65536
#define LOG_LINE_MAX 512

/* syslog(2)'s. */
enum log_level {
	LOG_EMERGENCY,
	LOG_ALERT,
	LOG_CRITICAL,
	LOG_ERROR,
	LOG_WARNING,
	LOG_NOTICE,
	LOG_INFO,
	LOG_DEBUG
};

struct log_line {
	uint64_t sequence, time_ns;
	uint32_t level, length;
	char text[LOG_LINE_MAX]; /* without newline, not terminated */
};

/* Appends text; what has no newline yet waits for the rest of its line. From any context. */
void log_add(enum log_level level, const char *text, size_t length);

/* A reader's place in the ring; zero is the oldest line. */
struct log_place {
	uint64_t at;
};

/* The line at a place, which moves on. false: there is none yet. *lost says whether older lines were
 * overwritten before this reader came to them. */
bool log_next(struct log_place *place, struct log_line *line, bool *lost);

/* Whether log_next() would find one. */
bool log_has_next(const struct log_place *place);

/* Behind the newest line. */
struct log_place log_end(void);

/* For a panic: the lock is ours, whoever had it. */
void log_take_over(void);

/* What happens after each new line, e.g. waking readers; called with interrupts off and must take no
 * sleeping lock. Set once. */
void log_set_listener(void (*listener)(void));

#endif
