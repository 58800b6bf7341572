/* SPDX-License-Identifier: MIT
 *
 * gdb's connection: the listening socket, one client at a time, and the bytes between it and a session.
 *
 * gdb may send faster than it reads: input is taken byte by byte, and only while no answer is waiting to
 * be sent, so that the output never grows beyond a few frames.
 */
#ifndef VITRINE_GDB_CONNECTION_H
#define VITRINE_GDB_CONNECTION_H

#include <stdint.h>

#include "gdb/listen.h"
#include "gdb/session.h"
#include "loop/loop.h"

#define GDB_OUTPUT_MAX (3 * GDB_FRAME_MAX)
#define GDB_INPUT_BYTES 4096

/* Loop thread only. */
struct gdb_connection {
	struct loop *loop;
	struct gdb_listener listener;
	struct gdb_session session;
	int fd; /* -1: nobody is connected */
	bool broken;
	bool was_attached;
	uint8_t input[GDB_INPUT_BYTES];
	size_t input_at, input_end;
	uint8_t output[GDB_OUTPUT_MAX];
	size_t output_at, output_end;
};

/* Listens as the text behind --gdb says. 0, or -errno with one line in err; close it either way. */
int gdb_connection_open(struct gdb_connection *connection, const char *spec, struct loop *loop,
			char *err, size_t err_size);
void gdb_connection_close(struct gdb_connection *connection);

/* To be called after the session may have sent something or ended by itself. */
void gdb_connection_update(struct gdb_connection *connection);

/* Waits, but not for long, until gdb has got everything. */
void gdb_connection_drain(struct gdb_connection *connection);

#endif
