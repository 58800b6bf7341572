/* SPDX-License-Identifier: MIT
 *
 * The commands that look at a stopped VM and change it: registers, memory, breakpoints. gdb's manual,
 * chapter "Remote Protocol", section "Packets".
 */
#include <errno.h>
#include <string.h>

#include "gdb/session_internal.h"

#define READ_MAX (GDB_PACKET_MAX / 2)

/* --- registers --- */

static int get_registers(struct gdb_session *session, struct gdb_registers *regs)
{
	return session->target.ops->get_registers(session->target.ctx, session->cpu, regs);
}

static int set_registers(struct gdb_session *session, const struct gdb_registers *regs)
{
	return session->target.ops->set_registers(session->target.ctx, session->cpu,
						  &regs->general);
}

static void put_register(struct gdb_session *session, const struct gdb_registers *regs,
			 unsigned number)
{
	unsigned bytes = gdb_register_bytes(number);
	uint64_t value;

	if (gdb_register_get(regs, number, &value))
		gdb_reply_hex(&session->reply, &value, bytes);
	else
		for (unsigned digit = 0; digit < 2 * bytes; digit++)
			gdb_reply_text(&session->reply, "x");
}

void gdb_command_get_registers(struct gdb_session *session, struct gdb_cursor *arguments)
{
	struct gdb_registers regs;
	int err = get_registers(session, &regs);

	(void)arguments;
	if (err) {
		gdb_reply_error(session, err);
		return;
	}
	for (unsigned number = 0; number < gdb_register_count(); number++)
		put_register(session, &regs, number);
}

/* gdb sends registers that it does not know as x's; those of the FPU are skipped whatever they hold. */
static int take_register(struct gdb_registers *regs, unsigned number, struct gdb_cursor *cursor)
{
	unsigned bytes = gdb_register_bytes(number);
	uint64_t present;
	uint64_t value = 0;

	if (gdb_register_get(regs, number, &present) && cursor->left && *cursor->at != 'x')
		return gdb_take_hex(cursor, &value, bytes) ? gdb_register_set(regs, number, value)
							   : -EINVAL;
	if (cursor->left < 2 * bytes)
		return -EINVAL;
	cursor->at += 2 * bytes;
	cursor->left -= 2 * bytes;
	return 0;
}

void gdb_command_set_registers(struct gdb_session *session, struct gdb_cursor *arguments)
{
	struct gdb_registers regs;
	int err = get_registers(session, &regs);

	for (unsigned number = 0; !err && arguments->left; number++)
		err = gdb_register_bytes(number) ? take_register(&regs, number, arguments)
						 : -EINVAL;
	gdb_reply_result(session, err ? err : set_registers(session, &regs));
}

void gdb_command_get_register(struct gdb_session *session, struct gdb_cursor *arguments)
{
	struct gdb_registers regs;
	uint64_t number;
	int err = get_registers(session, &regs);

	if (!gdb_take_number(arguments, &number) || number >= gdb_register_count())
		err = -EINVAL;
	if (err)
		gdb_reply_error(session, err);
	else
		put_register(session, &regs, (unsigned)number);
}

void gdb_command_set_register(struct gdb_session *session, struct gdb_cursor *arguments)
{
	struct gdb_registers regs;
	uint64_t number;
	int err = get_registers(session, &regs);

	if (!gdb_take_number(arguments, &number) || number >= gdb_register_count() ||
	    !gdb_take_char(arguments, '='))
		err = -EINVAL;
	if (!err)
		err = take_register(&regs, (unsigned)number, arguments);
	if (err == -EROFS)
		gdb_reply_text(&session->reply, "E.this register can only be read");
	else
		gdb_reply_result(session, err ? err : set_registers(session, &regs));
}

/* --- memory --- */

static bool take_span(struct gdb_cursor *cursor, uint64_t *gva, uint64_t *length)
{
	return gdb_take_number(cursor, gva) && gdb_take_char(cursor, ',') &&
	       gdb_take_number(cursor, length);
}

void gdb_command_read(struct gdb_session *session, struct gdb_cursor *arguments)
{
	uint8_t bytes[READ_MAX];
	uint64_t gva;
	uint64_t length;
	size_t done;

	if (!take_span(arguments, &gva, &length)) {
		gdb_reply_error(session, -EINVAL);
		return;
	}
	if (length > sizeof(bytes))
		length = sizeof(bytes);
	done = gdb_memory_read(&session->breakpoints, &session->target, session->cpu, gva, bytes,
			       length);
	if (done)
		gdb_reply_hex(&session->reply, bytes, done);
	else
		gdb_reply_error(session, -EFAULT);
}

static void write_memory(struct gdb_session *session, uint64_t gva, const void *bytes,
			 size_t length)
{
	size_t done = gdb_memory_write(&session->breakpoints, &session->target, session->cpu, gva,
				       bytes, length);

	gdb_reply_result(session, done == length ? 0 : -EFAULT);
}

void gdb_command_write_hex(struct gdb_session *session, struct gdb_cursor *arguments)
{
	uint8_t bytes[READ_MAX];
	uint64_t gva;
	uint64_t length;

	if (!take_span(arguments, &gva, &length) || !gdb_take_char(arguments, ':') ||
	    length > sizeof(bytes) || !gdb_take_hex(arguments, bytes, length))
		gdb_reply_error(session, -EINVAL);
	else
		write_memory(session, gva, bytes, length);
}

void gdb_command_write_bytes(struct gdb_session *session, struct gdb_cursor *arguments)
{
	uint64_t gva;
	uint64_t length;

	if (!take_span(arguments, &gva, &length) || !gdb_take_char(arguments, ':') ||
	    length != arguments->left)
		gdb_reply_error(session, -EINVAL);
	else
		write_memory(session, gva, arguments->at, length);
}

/* --- breakpoints: Z and z --- */

static bool take_breakpoint(struct gdb_cursor *cursor, uint64_t *type, uint64_t *gva, uint64_t *len)
{
	return gdb_take_number(cursor, type) && *type < GDB_BREAKPOINT_TYPES &&
	       gdb_take_char(cursor, ',') && take_span(cursor, gva, len);
}

static void reply_inserted(struct gdb_session *session, enum gdb_breakpoint_type type, int err)
{
	bool deprivileged = session->target.ops->is_deprivileged(session->target.ctx);

	if (err == -ENOSPC && type == GDB_BREAK_SOFTWARE && deprivileged)
		gdb_reply_text(&session->reply,
			       "E.deprivileged KVM has no int3 in ring 0, and all %d hardware "
			       "breakpoints are in use: delete one",
			       VCPU_HW_BREAKPOINT_MAX);
	else if (err == -ENOSPC)
		gdb_reply_text(&session->reply, "E.all %d hardware breakpoints are in use",
			       VCPU_HW_BREAKPOINT_MAX);
	else if (err == -EINVAL)
		gdb_reply_text(&session->reply,
			       "E.x86 watches 1, 2, 4 or 8 bytes at an aligned address");
	else
		gdb_reply_result(session, err);
}

void gdb_command_insert(struct gdb_session *session, struct gdb_cursor *arguments)
{
	uint64_t type;
	uint64_t gva;
	uint64_t length;

	if (!take_breakpoint(arguments, &type, &gva, &length)) {
		gdb_reply_error(session, -EINVAL);
		return;
	}
	if (type >= GDB_WATCH_WRITE && session->target.ops->is_deprivileged(session->target.ctx)) {
		gdb_reply_text(&session->reply, "E.deprivileged KVM has no watchpoints");
		return;
	}
	reply_inserted(session, (enum gdb_breakpoint_type)type,
		       gdb_breakpoint_insert(&session->breakpoints, &session->target, session->cpu,
					     (enum gdb_breakpoint_type)type, gva, length));
}

void gdb_command_remove(struct gdb_session *session, struct gdb_cursor *arguments)
{
	uint64_t type;
	uint64_t gva;
	uint64_t length;

	if (!take_breakpoint(arguments, &type, &gva, &length)) {
		gdb_reply_error(session, -EINVAL);
		return;
	}
	gdb_breakpoint_remove(&session->breakpoints, &session->target,
			      (enum gdb_breakpoint_type)type, gva);
	gdb_reply_text(&session->reply, "OK");
}
