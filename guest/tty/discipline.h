/* SPDX-License-Identifier: MIT
 *
 * The line discipline: from what is typed to what is read, and from what is written to what is shown
 * (POSIX 11.1.5-11.1.10). All of it with tty->lock held.
 */
#ifndef GUEST_TTY_DISCIPLINE_H
#define GUEST_TTY_DISCIPLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tty;

/* Takes one typed byte; the number of the signal that it stands for, or 0. */
int discipline_type(struct tty *tty, char typed);

/* Shows bytes, with output processing: how many were taken; fewer than count if the driver is full. */
size_t discipline_show(struct tty *tty, const char *bytes, size_t count);

/* Whether a reader need not wait: a line is there, or in raw mode enough bytes. */
bool discipline_has_input(const struct tty *tty, unsigned wanted);

/* Takes up to count bytes for a reader, of one line at most in canonical mode; *end: that line has ended, by
 * a new line or by VEOF, of which nothing is left. */
size_t discipline_read(struct tty *tty, char *to, size_t count, bool *end);

/* Bytes that a read() could get now; FIONREAD. */
size_t discipline_available(const struct tty *tty);

void discipline_flush_input(struct tty *tty);

/* Settings have changed from old: what was typed becomes readable if lines no longer matter. */
void discipline_settings_changed(struct tty *tty, uint32_t old_local);

#endif
