/* SPDX-License-Identifier: MIT
 *
 * What the files that serve a session share.
 */
#ifndef VITRINE_GDB_SESSION_INTERNAL_H
#define VITRINE_GDB_SESSION_INTERNAL_H

#include "gdb/session.h"

/* Sends session->reply, whatever it holds (nothing: "not supported"). */
void gdb_session_send_reply(struct gdb_session *session);
/* Text for gdb's console; only while gdb waits for a stop or for a monitor command's end. */
void gdb_session_print(struct gdb_session *session, const char *text);

/* -errno as gdb's E packet. */
void gdb_reply_error(struct gdb_session *session, int err);

/* OK for 0, else the error. */
void gdb_reply_result(struct gdb_session *session, int err);

/* Thread number as gdb has it (index + 1): index of the vCPU. False: no such thread. */
bool gdb_take_thread(struct gdb_session *session, struct gdb_cursor *cursor, int *cpu);

/* inspect.c: g, G, p, P; m, M, X; Z, z */
void gdb_command_get_registers(struct gdb_session *session, struct gdb_cursor *arguments);
void gdb_command_set_registers(struct gdb_session *session, struct gdb_cursor *arguments);
void gdb_command_get_register(struct gdb_session *session, struct gdb_cursor *arguments);
void gdb_command_set_register(struct gdb_session *session, struct gdb_cursor *arguments);
void gdb_command_read(struct gdb_session *session, struct gdb_cursor *arguments);
void gdb_command_write_hex(struct gdb_session *session, struct gdb_cursor *arguments);
void gdb_command_write_bytes(struct gdb_session *session, struct gdb_cursor *arguments);
void gdb_command_insert(struct gdb_session *session, struct gdb_cursor *arguments);
void gdb_command_remove(struct gdb_session *session, struct gdb_cursor *arguments);

/* resume.c: c, s, C, S and vCont; Ctrl-C. */
void gdb_command_continue(struct gdb_session *session, struct gdb_cursor *arguments);
void gdb_command_continue_signal(struct gdb_session *session, struct gdb_cursor *arguments);
void gdb_command_step(struct gdb_session *session, struct gdb_cursor *arguments);
void gdb_command_step_signal(struct gdb_session *session, struct gdb_cursor *arguments);
void gdb_command_vcont(struct gdb_session *session, struct gdb_cursor *arguments);
void gdb_interrupt(struct gdb_session *session);

/* query.c: everything that begins with q or Q. */
void gdb_command_query(struct gdb_session *session, struct gdb_cursor *arguments);
void gdb_command_set(struct gdb_session *session, struct gdb_cursor *arguments);

/* monitor.c: text that the user typed behind `monitor`. */
void gdb_command_monitor(struct gdb_session *session, struct gdb_cursor *arguments);

#endif
