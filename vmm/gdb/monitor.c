/* SPDX-License-Identifier: MIT
 *
 * What gdb's `monitor` command can ask of Vitrine. The text that comes back is printed by gdb.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gdb/session_internal.h"
#include "observe/counters.h"

#define COMMAND_MAX 128
#define TEXT_MAX 4096

#define CR0_PG (1ull << 31)
#define CR4_LA57 (1ull << 12)
#define EFER_LMA (1ull << 10)
#define ENTRY_PRESENT 1ull
#define ENTRY_LARGE (1ull << 7)
#define ENTRY_ADDRESS 0x000ffffffffff000ull
#define ENTRY_NX (1ull << 63)

struct text {
	char line[TEXT_MAX];
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
	size_t room = sizeof(text->line) - text->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->line + text->length, room, format, arguments);
	va_end(arguments);
	if (length > 0)
		text->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void monitor_exits(struct gdb_session *session, struct gdb_cursor *arguments,
			  struct text *text)
{
	const struct gdb_target *target = &session->target;
	const struct vcpu_counters *counters = target->ops->counters(target->ctx, session->cpu);

	(void)arguments;
	put(text, "vCPU %u, exits to Vitrine:\n", session->cpu);
	for (unsigned reason = 0; counters && reason < EXIT_REASON_COUNT; reason++)
		if (counters->exits[reason])
			put(text, "%14" PRIu64 "  %s\n", counters->exits[reason],
			    exit_reason_name((enum exit_reason)reason));
}

/* One level of the walk: the entry that gva selects in the table at *table. False: the walk ends. */
static bool walk_level(struct gdb_session *session, unsigned level, uint64_t gva, uint64_t *table,
		       struct text *text)
{
	static const char *const name[] = {"PTE", "PDE", "PDPTE", "PML4E", "PML5E"};
	unsigned shift = 12 + 9 * level;
	uint64_t at = *table + 8 * (gva >> shift & 511);
	bool is_page;
	uint64_t entry;

	if (session->target.ops->read(session->target.ctx, at, &entry, sizeof(entry)) < 0) {
		put(text, "%-5s at 0x%09" PRIx64 ": outside RAM\n", name[level], at);
		return false;
	}
	put(text, "%-5s at 0x%09" PRIx64 " = 0x%016" PRIx64 "%s%s%s%s\n", name[level], at, entry,
	    entry & ENTRY_PRESENT ? "" : " not present", entry & 2 ? " writable" : "",
	    entry & 4 ? " user" : "", entry & ENTRY_NX ? " no-execute" : "");
	if (!(entry & ENTRY_PRESENT))
		return false;
	is_page = level == 0 || (level <= 2 && entry & ENTRY_LARGE);
	*table = entry & ENTRY_ADDRESS;
	if (is_page) {
		uint64_t offset_mask = (1ull << shift) - 1;

		put(text, "page  of %" PRIu64 " KiB: 0x%" PRIx64 "\n", (offset_mask + 1) >> 10,
		    (*table & ~offset_mask) | (gva & offset_mask));
	}
	return !is_page;
}

/* Intel SDM volume 3, §4.5: 4- and 5-level paging. */
static void monitor_walk(struct gdb_session *session, struct gdb_cursor *arguments,
			 struct text *text)
{
	const struct gdb_target *target = &session->target;
	struct gdb_registers regs;
	uint64_t table;
	uint64_t gva;
	int level;

	gdb_take_char(arguments, ' ');
	gdb_take_word(arguments, "0x");
	if (!gdb_take_number(arguments, &gva)) {
		put(text, "walk needs an address: monitor walk 0x1000\n");
		return;
	}
	if (target->ops->get_registers(target->ctx, session->cpu, &regs) < 0)
		return;
	if (!(regs.system.cr0 & CR0_PG) || !(regs.system.efer & EFER_LMA)) {
		put(text, "vCPU %u is not in long mode\n", session->cpu);
		return;
	}
	put(text, "CR3   = 0x%" PRIx64 "\n", regs.system.cr3);
	table = regs.system.cr3 & ENTRY_ADDRESS;
	level = regs.system.cr4 & CR4_LA57 ? 4 : 3;
	while (level >= 0 && walk_level(session, (unsigned)level, gva, &table, text))
		level--;
}

static void monitor_help(struct gdb_session *session, struct gdb_cursor *arguments,
			 struct text *text)
{
	(void)session;
	(void)arguments;
	put(text, "monitor help       this text\n"
		  "monitor exits      the selected vCPU's exits by reason\n"
		  "monitor walk ADDR  the page walk from a virtual to a physical address\n");
}

static const struct {
	const char *name;
	void (*serve)(struct gdb_session *session, struct gdb_cursor *arguments, struct text *text);
} monitor_commands[] = {
	{"help", monitor_help},
	{"exits", monitor_exits},
	{"walk", monitor_walk},
};

static void serve(struct gdb_session *session, struct gdb_cursor line, struct text *text)
{
	for (unsigned i = 0; i < sizeof(monitor_commands) / sizeof(*monitor_commands); i++) {
		struct gdb_cursor rest = line;

		if (gdb_take_word(&rest, monitor_commands[i].name) &&
		    (!rest.left || *rest.at == ' ')) {
			monitor_commands[i].serve(session, &rest, text);
			return;
		}
	}
	put(text, "Vitrine does not know this command; `monitor help` lists those that it knows\n");
}

void gdb_command_monitor(struct gdb_session *session, struct gdb_cursor *arguments)
{
	struct text text = {.length = 0};
	char command[COMMAND_MAX];
	struct gdb_cursor line = {command, arguments->left / 2};

	if (arguments->left % 2 || line.left > sizeof(command) ||
	    !gdb_take_hex(arguments, command, line.left)) {
		gdb_reply_error(session, -EINVAL);
		return;
	}
	serve(session, line, &text);
	gdb_reply_hex(&session->reply, text.line, text.length);
}
