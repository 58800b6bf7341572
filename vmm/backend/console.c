/* SPDX-License-Identifier: MIT
 *
 * The ring between a serial device and the host's end of its line. See console.h.
 *
 *     vCPU --console_put()--> ring --loop thread--> out_fd
 *     in_fd --loop thread--> escape keys --> pending --> receiver->receive()
 *
 * The lock guards ring and requests; everything else belongs to the loop thread.
 */
#include "backend/console.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "backend/console_line.h"
#include "backend/terminal_size.h"
#include "backend/unix_socket.h"
#include "loop/loop.h"

#define RING_BYTES 16384
#define PENDING_BYTES 256
#define WRITE_BYTES 4096   /* POSIX: a pipe that polls writable takes this much without blocking */
#define WAKE_AT_BYTES 1024 /* wake the loop at once when this much waits … */
#define LINGER_NS 2000000  /* … or at a line's end; else this long after the first byte */
#define FLUSH_LIMIT_MS 500
#define ESCAPE_KEY 0x01 /* Ctrl-A */

struct console {
	struct loop *loop;
	const char *option; /* for messages: "--serial" */
	struct console_line line;
	struct console_keys keys;
	const struct console_receiver *receiver;
	struct console_receiver receiver_copy;
	struct loop_timer *linger;
	struct terminal_size *size_watch; /* of a terminal */
	int wake_fd;
	bool writing;	      /* out_fd is watched for EPOLLOUT */
	bool reading;	      /* in_fd is watched for EPOLLIN */
	bool in_always_ready; /* a regular file: epoll refuses it, reads never block */
	bool write_failed;
	bool escape; /* the last key was Ctrl-A */
	uint8_t pending[PENDING_BYTES];
	size_t pending_bytes;

	pthread_mutex_t lock;
	uint8_t ring[RING_BYTES];
	size_t ring_head; /* next byte to write out */
	size_t ring_bytes;
	bool refused; /* console_put() said no: drained() is owed */
	bool wake_sent;
};

static void pump_input(struct console *console);

static void wake(struct console *console)
{
	eventfd_write(console->wake_fd, 1); /* full: the loop is awake */
}

size_t console_put_bytes(struct console *console, const uint8_t *data, size_t len_bytes)
{
	bool linger;
	bool now = false;
	size_t taken = 0;

	pthread_mutex_lock(&console->lock);
	linger = console->ring_bytes == 0;
	for (; taken < len_bytes && console->ring_bytes < RING_BYTES; taken++) {
		console->ring[(console->ring_head + console->ring_bytes++) % RING_BYTES] =
			data[taken];
		now |= data[taken] == '\n';
	}
	console->refused |= taken < len_bytes;
	now |= console->refused || console->ring_bytes >= WAKE_AT_BYTES;
	now = now && !console->wake_sent;
	console->wake_sent |= now;
	pthread_mutex_unlock(&console->lock);
	if (now)
		wake(console);
	else if (linger)
		loop_timer_arm(console->linger, LINGER_NS);
	return taken;
}

bool console_put(struct console *console, uint8_t byte)
{
	return console_put_bytes(console, &byte, 1) == 1;
}

/* The oldest run of bytes in the ring that lies in one piece. */
static size_t ring_peek(struct console *console, const uint8_t **data)
{
	size_t run;

	pthread_mutex_lock(&console->lock);
	console->wake_sent = false;
	run = RING_BYTES - console->ring_head;
	run = run < console->ring_bytes ? run : console->ring_bytes;
	*data = console->ring + console->ring_head;
	pthread_mutex_unlock(&console->lock);
	return run < WRITE_BYTES ? run : WRITE_BYTES;
}

/* Returns whether a refused byte is waiting for the room that this makes. */
static bool ring_drop(struct console *console, size_t len_bytes)
{
	bool refused;

	pthread_mutex_lock(&console->lock);
	console->ring_head = (console->ring_head + len_bytes) % RING_BYTES;
	console->ring_bytes -= len_bytes;
	refused = console->refused;
	console->refused = false;
	pthread_mutex_unlock(&console->lock);
	return refused;
}

/* How many of len_bytes the other end took: all of them where nobody listens. -EAGAIN: wait. */
static ssize_t write_out(struct console *console, const uint8_t *data, size_t len_bytes)
{
	struct pollfd ready = {.fd = console->line.out_fd, .events = POLLOUT};
	ssize_t written;

	if (console->line.out_fd < 0 || console->write_failed)
		return (ssize_t)len_bytes;
	if (poll(&ready, 1, 0) == 0)
		return -EAGAIN;
	do
		written = write(console->line.out_fd, data, len_bytes);
	while (written < 0 && errno == EINTR);
	if (written >= 0 || errno == EAGAIN)
		return written >= 0 ? written : -EAGAIN;
	if (errno != EPIPE && errno != EIO)
		fprintf(stderr, "vitrine: %s output: %s; the rest is dropped\n",
			console->option + 2, strerror(errno));
	console->write_failed = console->line.listen_fd < 0;
	return (ssize_t)len_bytes;
}

static void watch(struct console *console)
{
	uint32_t in = console->reading ? EPOLLIN : 0;
	uint32_t out = console->writing ? EPOLLOUT : 0;

	if (console->line.in_fd == console->line.out_fd) {
		loop_modify_fd(console->loop, console->line.in_fd, in | out);
		return;
	}
	loop_modify_fd(console->loop, console->line.in_fd, in);
	loop_modify_fd(console->loop, console->line.out_fd, out);
}

static void drain(struct console *console)
{
	const uint8_t *data;
	bool blocked = false;
	size_t len_bytes;

	while (!blocked && (len_bytes = ring_peek(console, &data)) > 0) {
		ssize_t written = write_out(console, data, len_bytes);

		blocked = written < 0;
		if (!blocked && ring_drop(console, (size_t)written) && console->receiver)
			console->receiver->drained(console->receiver->ctx);
	}
	if (blocked != console->writing) {
		console->writing = blocked;
		watch(console);
	}
}

static void linger_over(void *ctx)
{
	drain(ctx);
}

static void woken(void *ctx, uint32_t events)
{
	struct console *console = ctx;
	uint64_t count;

	(void)events;
	if (read(console->wake_fd, &count, sizeof(count)) < 0)
		return;
	drain(console);
	pump_input(console);
}

/* Takes Ctrl-A sequences out of what was typed; returns how many bytes are left for the guest. */
static size_t take_escapes(struct console *console, uint8_t *data, size_t len_bytes)
{
	size_t kept = 0;

	for (size_t i = 0; i < len_bytes; i++) {
		if (!console->escape && data[i] == ESCAPE_KEY) {
			console->escape = true;
		} else if (console->escape && data[i] != ESCAPE_KEY) {
			console->escape = false;
			if (console->keys.command)
				console->keys.command(console->keys.ctx, (char)data[i]);
		} else {
			console->escape = false;
			data[kept++] = data[i];
		}
	}
	return kept;
}

static void tell_peer(const struct console *console, bool connected)
{
	if (console->receiver && console->receiver->peer_changed)
		console->receiver->peer_changed(console->receiver->ctx, connected);
}

static void end_of_input(struct console *console)
{
	int fd = console->line.in_fd;

	console->reading = false;
	console->in_always_ready = false;
	if (console->line.listen_fd < 0) {
		/* A pty's master says EIO while nobody has the slave open; there we go on. */
		loop_remove_fd(console->loop, fd);
		if (console->line.out_fd != fd)
			console->line.in_fd = CONSOLE_NO_FD;
		return;
	}
	loop_remove_fd(console->loop, fd);
	close(fd);
	console->line.in_fd = console->line.out_fd = CONSOLE_NO_FD;
	console->writing = false;
	drain(console);
	tell_peer(console, false);
}

/* Reads one batch if none is pending; false when there is none to be had now. */
static bool read_batch(struct console *console)
{
	ssize_t got;

	do
		got = read(console->line.in_fd, console->pending, sizeof(console->pending));
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return false;
	if (got <= 0) {
		end_of_input(console);
		return false;
	}
	console->pending_bytes = console->line.is_terminal
					 ? take_escapes(console, console->pending, (size_t)got)
					 : (size_t)got;
	return true;
}

/* Offers what is pending; true when all of it was taken. */
static bool deliver(struct console *console)
{
	size_t taken;

	if (!console->pending_bytes)
		return true;
	if (!console->receiver)
		return false;
	taken = console->receiver->receive(console->receiver->ctx, console->pending,
					   console->pending_bytes);
	console->pending_bytes -= taken;
	memmove(console->pending, console->pending + taken, console->pending_bytes);
	return console->pending_bytes == 0;
}

static void pump_input(struct console *console)
{
	bool room = deliver(console);

	while (room && console->in_always_ready && read_batch(console))
		room = deliver(console);
	/* A terminal is read on although the guest takes nothing: Ctrl-A x must always work. */
	if (console->line.in_fd >= 0 && !console->in_always_ready && room != console->reading &&
	    !console->line.is_terminal) {
		console->reading = room;
		watch(console);
	}
}

static void line_ready(void *ctx, uint32_t events)
{
	struct console *console = ctx;

	if (events & EPOLLOUT)
		drain(console);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || console->line.in_fd < 0)
		return;
	if (console->line.is_terminal && !deliver(console))
		console->pending_bytes = 0; /* typed ahead of a guest that doesn't read: dropped */
	if (console->pending_bytes > 0 || read_batch(console))
		pump_input(console);
}

/* Hangs in_fd and out_fd into the loop. */
static int attach(struct console *console)
{
	struct console_line *line = &console->line;
	int err = 0;

	if (line->in_fd >= 0)
		err = loop_add_fd(console->loop, line->in_fd, EPOLLIN, line_ready, console);
	console->reading = line->in_fd >= 0 && !err;
	console->in_always_ready = err == -EPERM;
	if (err && err != -EPERM)
		return err;
	if (line->out_fd >= 0 && line->out_fd != line->in_fd)
		err = loop_add_fd(console->loop, line->out_fd, 0, line_ready, console);
	return err == -EPERM || err == -EEXIST ? 0 : err; /* files need no watching */
}

/* While the guest takes no input, nobody looks whether the client is still there. */
static void forget_lost_client(struct console *console)
{
	struct pollfd lost = {.fd = console->line.in_fd, .events = 0};

	if (lost.fd < 0 || console->reading || poll(&lost, 1, 0) <= 0 || !(lost.revents & POLLHUP))
		return;
	console->pending_bytes = 0;
	end_of_input(console);
}

static void client_waits(void *ctx, uint32_t events)
{
	struct console *console = ctx;
	int fd = unix_socket_accept(console->line.listen_fd);

	(void)events;
	if (fd < 0)
		return;
	forget_lost_client(console);
	if (console->line.in_fd >= 0) {
		close(fd); /* one client at a time */
		return;
	}
	console->line.in_fd = console->line.out_fd = fd;
	if (attach(console) < 0) {
		console->line.in_fd = console->line.out_fd = CONSOLE_NO_FD;
		close(fd);
		return;
	}
	tell_peer(console, true);
}

static void terminal_resized(void *ctx)
{
	const struct console *console = ctx;

	if (console->receiver && console->receiver->resized)
		console->receiver->resized(console->receiver->ctx);
}

static int start(struct console *console)
{
	int err;

	console->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (console->wake_fd < 0)
		return -errno;
	err = loop_add_fd(console->loop, console->wake_fd, EPOLLIN, woken, console);
	if (!err)
		err = loop_timer_create(console->loop, linger_over, console, &console->linger);
	if (!err && console->line.listen_fd >= 0)
		err = loop_add_fd(console->loop, console->line.listen_fd, EPOLLIN, client_waits,
				  console);
	if (!err && console->line.is_terminal)
		err = terminal_size_watch(console->loop, terminal_resized, console,
					  &console->size_watch);
	return err ? err : attach(console);
}

int console_open(const char *option, const char *spec, struct loop *loop,
		 const struct console_keys *keys, struct console **out, char *err, size_t err_size)
{
	struct console *console = calloc(1, sizeof(*console));
	int error;

	if (!console) {
		snprintf(err, err_size, "out of memory");
		return -ENOMEM;
	}
	console->loop = loop;
	console->option = option;
	console->wake_fd = -1;
	if (keys)
		console->keys = *keys;
	pthread_mutex_init(&console->lock, NULL);
	error = console_line_open(option, spec, &console->line, err, err_size);
	if (error) {
		free(console);
		return error;
	}
	error = start(console);
	if (error) {
		snprintf(err, err_size, "%s %s: %s", option, spec, strerror(-error));
		console_close(console);
		return error;
	}
	*out = console;
	return 0;
}

void console_flush(struct console *console)
{
	struct timespec begin;
	struct timespec now;
	const uint8_t *data;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (;;) {
		struct pollfd ready = {.fd = console->line.out_fd, .events = POLLOUT};

		drain(console);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (ring_peek(console, &data) == 0 ||
		    (now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 >=
			    FLUSH_LIMIT_MS)
			return;
		poll(&ready, 1, 50);
	}
}

void console_close(struct console *console)
{
	if (!console)
		return;
	console_flush(console);
	if (console->wake_fd >= 0) {
		loop_remove_fd(console->loop, console->wake_fd);
		close(console->wake_fd);
	}
	loop_remove_fd(console->loop, console->line.in_fd);
	loop_remove_fd(console->loop, console->line.out_fd);
	loop_remove_fd(console->loop, console->line.listen_fd);
	loop_timer_destroy(console->linger);
	terminal_size_unwatch(console->size_watch);
	console_line_close(&console->line);
	pthread_mutex_destroy(&console->lock);
	free(console);
}

void console_connect(struct console *console, const struct console_receiver *receiver)
{
	console->receiver = NULL;
	if (!receiver)
		return;
	console->receiver_copy = *receiver;
	console->receiver = &console->receiver_copy;
	wake(console);
}

bool console_has_peer(const struct console *console)
{
	return console->line.listen_fd < 0 || console->line.in_fd >= 0;
}

bool console_get_size(const struct console *console, uint16_t *columns, uint16_t *rows)
{
	return console->line.is_terminal && terminal_size(columns, rows);
}

void console_resume_input(struct console *console)
{
	wake(console);
}
