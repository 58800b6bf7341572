/* SPDX-License-Identifier: MIT
 *
 * The packets that begin with q and Q: gdb's manual, "Remote Protocol", section "General Query Packets".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gdb/session_internal.h"

static bool has_word(struct gdb_cursor list, const char *word)
{
	while (list.left) {
		struct gdb_cursor item = list;

		if (gdb_take_word(&item, word) && (!item.left || *item.at == ';'))
			return true;
		list.at++;
		list.left--;
	}
	return false;
}

static void query_supported(struct gdb_session *session, struct gdb_cursor *arguments)
{
	session->knows_swbreak = has_word(*arguments, "swbreak+");
	session->knows_hwbreak = has_word(*arguments, "hwbreak+");
	gdb_reply_text(&session->reply,
		       "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;vContSupported+%s%s",
		       GDB_PACKET_MAX, session->knows_swbreak ? ";swbreak+" : "",
		       session->knows_hwbreak ? ";hwbreak+" : "");
}

/* A part of the target description, "m" if there is more behind it, "l" if it is the last. */
static void query_features(struct gdb_session *session, struct gdb_cursor *arguments)
{
	/* Every byte may have to be escaped, and the letter comes first. */
	const uint64_t most = GDB_PACKET_MAX - 1;
	uint64_t total = strlen(gdb_target_xml);
	uint64_t offset;
	uint64_t length;

	if (!gdb_take_number(arguments, &offset) || !gdb_take_char(arguments, ',') ||
	    !gdb_take_number(arguments, &length) || offset > total) {
		gdb_reply_error(session, -EINVAL);
		return;
	}
	if (length > most)
		length = most;
	if (length > total - offset)
		length = total - offset;
	gdb_reply_text(&session->reply, "%s", offset + length < total ? "m" : "l");
	gdb_reply_bytes(&session->reply, gdb_target_xml + offset, length);
}

static void query_threads(struct gdb_session *session, struct gdb_cursor *arguments)
{
	unsigned count = session->target.ops->cpu_count(session->target.ctx);

	(void)arguments;
	for (unsigned cpu = 0; cpu < count; cpu++)
		gdb_reply_text(&session->reply, "%c%02x", cpu ? ',' : 'm', cpu + 1);
}

static void query_more_threads(struct gdb_session *session, struct gdb_cursor *arguments)
{
	(void)arguments;
	gdb_reply_text(&session->reply, "l");
}

static void query_thread_text(struct gdb_session *session, struct gdb_cursor *arguments)
{
	const struct gdb_target *target = &session->target;
	char text[64];
	int cpu;

	if (!gdb_take_thread(session, arguments, &cpu) || cpu < 0) {
		gdb_reply_error(session, -ESRCH);
		return;
	}
	snprintf(text, sizeof(text), "vCPU %d, %s", cpu,
		 target->ops->activity(target->ctx, (unsigned)cpu));
	gdb_reply_hex(&session->reply, text, strlen(text));
}

static void query_current_thread(struct gdb_session *session, struct gdb_cursor *arguments)
{
	if (!arguments->left) /* else it is qCRC */
		gdb_reply_text(&session->reply, "QC%02x", session->cpu + 1);
}

/* The VM was there before gdb: quitting gdb detaches. */
static void query_attached(struct gdb_session *session, struct gdb_cursor *arguments)
{
	(void)arguments;
	gdb_reply_text(&session->reply, "1");
}

static const struct {
	const char *name;
	void (*serve)(struct gdb_session *session, struct gdb_cursor *arguments);
} queries[] = {
	{"Supported", query_supported},		 {"Xfer:features:read:target.xml:", query_features},
	{"fThreadInfo", query_threads},		 {"sThreadInfo", query_more_threads},
	{"ThreadExtraInfo,", query_thread_text}, {"Attached", query_attached},
	{"Rcmd,", gdb_command_monitor},		 {"C", query_current_thread},
};

void gdb_command_query(struct gdb_session *session, struct gdb_cursor *arguments)
{
	for (unsigned i = 0; i < sizeof(queries) / sizeof(*queries); i++)
		if (gdb_take_word(arguments, queries[i].name)) {
			queries[i].serve(session, arguments);
			return;
		}
}

void gdb_command_set(struct gdb_session *session, struct gdb_cursor *arguments)
{
	if (!gdb_take_word(arguments, "StartNoAckMode"))
		return;
	session->no_ack = true;
	gdb_reply_text(&session->reply, "OK");
}
