/* SPDX-License-Identifier: MIT
 *
 * The host's end of a serial line: terminal, file, pty or Unix socket. Output goes through a ring that
 * the event loop drains, so that a vCPU never waits for a slow reader; input is handed to one receiver.
 * Lives longer than the machine: a guest that resets finds the same line.
 */
#ifndef VITRINE_BACKEND_CONSOLE_H
#define VITRINE_BACKEND_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct console;
struct loop;

struct console_receiver {
	/* Loop thread. Takes up to len_bytes of input, returns how many it took; the rest is offered
	 * again after console_resume_input(). */
	size_t (*receive)(void *ctx, const uint8_t *data, size_t len_bytes);
	/* Loop thread. There is room for output again after console_put() refused a byte. */
	void (*drained)(void *ctx);
	/* Optional. Loop thread. Somebody connected to the socket, or went away; console_has_peer() says it too. */
	void (*peer_changed)(void *ctx, bool connected);
	/* Optional. Loop thread. The terminal has another size now: console_get_size(). */
	void (*resized)(void *ctx);
	void *ctx;
};

/* Ctrl-A followed by a key, on a terminal. Loop thread. */
struct console_keys {
	void (*command)(void *ctx, char key);
	void *ctx;
};

/* Opens the line that spec names: stdio, none, pty, file:PATH, unix:PATH. keys may be NULL. Returns 0
 * or -errno, then with one line about it in err, which begins with option ("--serial", borrowed for ever).
 * The caller owns the console: console_close(). */
int console_open(const char *option, const char *spec, struct loop *loop,
		 const struct console_keys *keys, struct console **out, char *err, size_t err_size);

/* Writes out what is in the ring, waiting for the reader for 500 ms at most. Loop thread, or after it. */
void console_flush(struct console *console);

/* Flushes, restores the terminal, removes the socket. NULL is fine. */
void console_close(struct console *console);

/* Any thread. false: the ring is full, nothing was taken, drained() will be called. */
bool console_put(struct console *console, uint8_t byte);

/* The same for many bytes: how many were taken, from the first on. */
size_t console_put_bytes(struct console *console, const uint8_t *data, size_t len_bytes);

/* Whether there is another end now: false for a socket without a client. Loop thread. */
bool console_has_peer(const struct console *console);

/* Columns and rows of the terminal; false where it is none. Any thread. */
bool console_get_size(const struct console *console, uint16_t *columns, uint16_t *rows);

/* NULL disconnects. Loop thread, or before it runs. */
void console_connect(struct console *console, const struct console_receiver *receiver);

/* The receiver has room again. Any thread; receive() will be called from the loop. */
void console_resume_input(struct console *console);

#endif
