/* SPDX-License-Identifier: MIT
 *
 * A session's life: attaching, the table of commands, acknowledgements, detaching. gdb's manual, chapter
 * "Remote Protocol", section "Packets". An empty reply tells gdb that a packet is not supported.
 */
#include "gdb/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gdb/session_internal.h"

void gdb_session_init(struct gdb_session *session,
		      void (*send)(void *ctx, const void *bytes, size_t length), void *send_ctx)
{
	memset(session, 0, sizeof(*session));
	session->send = send;
	session->send_ctx = send_ctx;
	pthread_mutex_init(&session->lock, NULL);
}

void gdb_session_destroy(struct gdb_session *session)
{
	pthread_mutex_destroy(&session->lock);
}

/* --- replies --- */

static void send_frame(struct gdb_session *session)
{
	session->frame_length = gdb_frame(&session->reply, session->frame);
	session->send(session->send_ctx, session->frame, session->frame_length);
}

void gdb_session_send_reply(struct gdb_session *session)
{
	if (session->reply.truncated) {
		gdb_reply_clear(&session->reply);
		gdb_reply_text(&session->reply, "E.the answer does not fit into a packet");
	}
	send_frame(session);
	gdb_reply_clear(&session->reply);
}

void gdb_session_print(struct gdb_session *session, const char *text)
{
	gdb_reply_clear(&session->reply);
	gdb_reply_text(&session->reply, "O");
	gdb_reply_hex(&session->reply, text, strlen(text));
	gdb_session_send_reply(session);
}

void gdb_reply_error(struct gdb_session *session, int err)
{
	gdb_reply_clear(&session->reply);
	gdb_reply_text(&session->reply, "E%02d", -err);
}

void gdb_reply_result(struct gdb_session *session, int err)
{
	if (err)
		gdb_reply_error(session, err);
	else
		gdb_reply_text(&session->reply, "OK");
}

bool gdb_take_thread(struct gdb_session *session, struct gdb_cursor *cursor, int *cpu)
{
	uint64_t number;

	*cpu = GDB_ALL_CPUS;
	if (gdb_take_word(cursor, "-1"))
		return true;
	if (!gdb_take_number(cursor, &number))
		return false;
	if (number > session->target.ops->cpu_count(session->target.ctx))
		return false;
	*cpu = (int)number - 1; /* thread 0 means any: here, all */
	return true;
}

/* --- threads, ending, and the rest --- */

static void command_why(struct gdb_session *session, struct gdb_cursor *arguments)
{
	(void)arguments;
	gdb_reply_text(&session->reply, "%s", session->last_stop);
}

static void command_thread(struct gdb_session *session, struct gdb_cursor *arguments)
{
	bool is_continue = gdb_take_char(arguments, 'c');
	int cpu;

	if ((!is_continue && !gdb_take_char(arguments, 'g')) ||
	    !gdb_take_thread(session, arguments, &cpu)) {
		gdb_reply_error(session, -ESRCH);
		return;
	}
	if (is_continue)
		session->continue_cpu = cpu;
	else if (cpu != GDB_ALL_CPUS)
		session->cpu = (unsigned)cpu;
	gdb_reply_text(&session->reply, "OK");
}

static void command_is_alive(struct gdb_session *session, struct gdb_cursor *arguments)
{
	int cpu;

	gdb_reply_result(session, gdb_take_thread(session, arguments, &cpu) ? 0 : -ESRCH);
}

static void command_detach(struct gdb_session *session, struct gdb_cursor *arguments)
{
	(void)arguments;
	gdb_session_detach(session);
	session->closing = true;
	gdb_reply_text(&session->reply, "OK");
}

static void command_kill(struct gdb_session *session, struct gdb_cursor *arguments)
{
	(void)arguments;
	session->target.ops->kill(session->target.ctx);
	gdb_session_detach(session);
	session->closing = true;
	session->no_reply = true;
}

static void command_v(struct gdb_session *session, struct gdb_cursor *arguments)
{
	if (gdb_take_word(arguments, "Cont?"))
		gdb_reply_text(&session->reply, "vCont;c;C;s;S");
	else if (gdb_take_word(arguments, "Cont"))
		gdb_command_vcont(session, arguments);
	else if (gdb_take_word(arguments, "Kill;")) {
		command_kill(session, arguments);
		session->no_reply = false;
		gdb_reply_text(&session->reply, "OK");
	}
}

static const struct {
	char letter;
	void (*serve)(struct gdb_session *session, struct gdb_cursor *arguments);
} commands[] = {
	{'?', command_why},
	{'g', gdb_command_get_registers},
	{'G', gdb_command_set_registers},
	{'p', gdb_command_get_register},
	{'P', gdb_command_set_register},
	{'m', gdb_command_read},
	{'M', gdb_command_write_hex},
	{'X', gdb_command_write_bytes},
	{'Z', gdb_command_insert},
	{'z', gdb_command_remove},
	{'c', gdb_command_continue},
	{'C', gdb_command_continue_signal},
	{'s', gdb_command_step},
	{'S', gdb_command_step_signal},
	{'H', command_thread},
	{'T', command_is_alive},
	{'q', gdb_command_query},
	{'Q', gdb_command_set},
	{'v', command_v},
	{'D', command_detach},
	{'k', command_kill},
};

static void serve(struct gdb_session *session)
{
	struct gdb_cursor cursor = {session->reader.payload, session->reader.length};

	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (gdb_take_char(&cursor, commands[i].letter)) {
			commands[i].serve(session, &cursor);
			return;
		}
}

static void take_packet(struct gdb_session *session, bool is_too_long)
{
	session->no_reply = false;
	gdb_reply_clear(&session->reply);
	if (is_too_long)
		gdb_reply_text(&session->reply, "E.the packet is longer than PacketSize");
	else if (!session->target.ops)
		gdb_reply_text(&session->reply, "E.there is no VM at the moment");
	else if (session->state == GDB_RUNNING)
		gdb_reply_text(&session->reply, "E.the VM runs: interrupt it first");
	else
		serve(session);
	if (!session->no_reply)
		gdb_session_send_reply(session);
}

static void acknowledge(struct gdb_session *session, char sign)
{
	if (!session->no_ack)
		session->send(session->send_ctx, &sign, 1);
}

void gdb_session_push(struct gdb_session *session, uint8_t byte)
{
	enum gdb_input input;

	if (session->state == GDB_DETACHED)
		return;
	input = gdb_reader_push(&session->reader, byte);
	switch (input) {
	case GDB_INPUT_PACKET:
	case GDB_INPUT_TOO_LONG:
		acknowledge(session, '+');
		take_packet(session, input == GDB_INPUT_TOO_LONG);
		return;
	case GDB_INPUT_CORRUPT: acknowledge(session, '-'); return;
	case GDB_INPUT_INTERRUPT: gdb_interrupt(session); return;
	case GDB_INPUT_RESEND:
		if (!session->no_ack)
			session->send(session->send_ctx, session->frame, session->frame_length);
		return;
	case GDB_INPUT_MORE: return;
	}
}

/* --- attaching and detaching --- */

void gdb_session_attach(struct gdb_session *session)
{
	memset(&session->reader, 0, sizeof(session->reader));
	gdb_reply_clear(&session->reply);
	session->frame_length = 0;
	session->closing = false;
	session->no_ack = false;
	session->knows_swbreak = false;
	session->knows_hwbreak = false;
	session->told_deprivileged = false;
	session->cpu = 0;
	session->continue_cpu = GDB_ALL_CPUS;
	memset(session->action, 0, sizeof(session->action));
	snprintf(session->last_stop, sizeof(session->last_stop), "T05thread:01;");
	session->state = GDB_HALTED;
	if (session->target.ops)
		session->target.ops->pause(session->target.ctx);
}

static void stop_debugging(struct gdb_session *session)
{
	const struct gdb_target *target = &session->target;
	struct vcpu_debug none = {.enabled = false};

	if (!target->ops)
		return;
	target->ops->pause(target->ctx);
	gdb_breakpoints_remove_all(&session->breakpoints, target);
	for (unsigned cpu = 0; cpu < target->ops->cpu_count(target->ctx); cpu++) {
		none.inject = session->inject[cpu];
		target->ops->set_debug(target->ctx, cpu, &none);
	}
	target->ops->resume(target->ctx, GDB_ALL_CPUS);
}

static void forget_stops(struct gdb_session *session)
{
	pthread_mutex_lock(&session->lock);
	memset(session->stop_posted, 0, sizeof(session->stop_posted));
	pthread_mutex_unlock(&session->lock);
	memset(session->inject, 0, sizeof(session->inject));
	memset(session->late_watch, 0, sizeof(session->late_watch));
}

void gdb_session_detach(struct gdb_session *session)
{
	if (session->state == GDB_DETACHED)
		return;
	stop_debugging(session);
	memset(&session->breakpoints, 0, sizeof(session->breakpoints));
	forget_stops(session);
	session->state = GDB_DETACHED;
}

void gdb_session_set_target(struct gdb_session *session, const struct gdb_target *target)
{
	struct vcpu_debug debug;

	gdb_breakpoints_forget_software(&session->breakpoints);
	forget_stops(session);
	memset(&session->target, 0, sizeof(session->target));
	if (!target)
		return;
	session->target = *target;
	gdb_breakpoints_fill_debug(&session->breakpoints, &debug);
	for (unsigned cpu = 0; cpu < target->ops->cpu_count(target->ctx); cpu++) {
		session->action[cpu] = GDB_CONTINUE;
		if (debug.enabled)
			target->ops->set_debug(target->ctx, cpu, &debug);
	}
}

void gdb_session_report_end(struct gdb_session *session, int exit_status)
{
	if (session->state == GDB_RUNNING) {
		gdb_reply_clear(&session->reply);
		gdb_reply_text(&session->reply, "W%02x", exit_status & 0xff);
		gdb_session_send_reply(session);
	}
	session->state = GDB_DETACHED;
	session->closing = true;
}
