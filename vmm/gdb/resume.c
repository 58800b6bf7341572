/* SPDX-License-Identifier: MIT
 *
 * Letting vCPUs run, and what makes them stop again.
 *
 * gdb works in its "all-stop" mode: when one vCPU stops, all do. A stop of a second vCPU in the same
 * moment is dropped if it was a breakpoint (the instruction has not run, and will hit again) and kept
 * for the next resumption if it was a watchpoint (the access has happened).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gdb/session_internal.h"

#define SIGNAL_INTERRUPT 2
#define SIGNAL_TRAP 5
#define EXCEPTION_DB 1
#define EXCEPTION_BP 3
#define CR0_PE 1

static unsigned cpu_count(const struct gdb_session *session)
{
	return session->target.ops->cpu_count(session->target.ctx);
}

/* --- stopping --- */

static void report(struct gdb_session *session, unsigned cpu, unsigned signal, const char *why)
{
	session->state = GDB_HALTED;
	session->cpu = cpu;
	session->continue_cpu = GDB_ALL_CPUS;
	snprintf(session->last_stop, sizeof(session->last_stop), "T%02x%sthread:%02x;", signal, why,
		 cpu + 1);
	gdb_reply_clear(&session->reply);
	gdb_reply_text(&session->reply, "%s", session->last_stop);
	gdb_session_send_reply(session);
}

static void report_breakpoint(struct gdb_session *session, unsigned cpu,
			      const struct gdb_breakpoint *hit, uint64_t rip)
{
	static const char *const watch_name[] = {
		[GDB_WATCH_WRITE] = "watch",
		[GDB_WATCH_READ] = "rwatch",
		[GDB_WATCH_ACCESS] = "awatch",
	};
	char why[48] = "";

	if (hit->type >= GDB_WATCH_WRITE)
		snprintf(why, sizeof(why), "%s:%llx;", watch_name[hit->type],
			 (unsigned long long)hit->gva);
	else if (hit->type == GDB_BREAK_HARDWARE && session->knows_hwbreak)
		snprintf(why, sizeof(why), "hwbreak:;");
	else if (session->knows_swbreak && hit->gva == rip)
		snprintf(why, sizeof(why), "swbreak:;");
	report(session, cpu, SIGNAL_TRAP, why);
}

static bool take_posted(struct gdb_session *session, unsigned cpu, struct vcpu_debug_stop *stop)
{
	bool posted;

	pthread_mutex_lock(&session->lock);
	posted = session->stop_posted[cpu];
	session->stop_posted[cpu] = false;
	*stop = session->stop[cpu];
	pthread_mutex_unlock(&session->lock);
	return posted;
}

/* Deals with one vCPU's stop; told: another one's has been reported. True if this one was. */
static bool classify(struct gdb_session *session, unsigned cpu, const struct vcpu_debug_stop *stop,
		     bool told)
{
	const struct gdb_breakpoint *hit = gdb_breakpoint_of_stop(&session->breakpoints,
								  &session->target, cpu, stop);

	if (hit && told && hit->type >= GDB_WATCH_WRITE)
		session->late_watch[cpu] = *hit;
	else if (hit && !told)
		report_breakpoint(session, cpu, hit, stop->rip);
	if (hit)
		return !told;
	if (stop->exception == EXCEPTION_DB && session->action[cpu] == GDB_STEP) {
		if (!told)
			report(session, cpu, SIGNAL_TRAP, "");
		return !told;
	}
	/* The guest's own int3 or trap: its handler will see it. */
	if (stop->exception == EXCEPTION_DB || stop->exception == EXCEPTION_BP)
		session->inject[cpu] = (uint8_t)stop->exception;
	return false;
}

/* Goes through what vCPUs have posted, at once when everything stands: later, gdb will have taken its
 * breakpoints out, and whose stop it was can't be told any more. Reports one; true if it did. */
static bool report_posted(struct gdb_session *session)
{
	bool told = session->state == GDB_HALTED;
	bool told_before = told;
	struct vcpu_debug_stop stop;

	for (unsigned cpu = 0; cpu < cpu_count(session); cpu++)
		if (take_posted(session, cpu, &stop))
			told |= classify(session, cpu, &stop, told);
	return told && !told_before;
}

static bool is_inserted(const struct gdb_session *session, const struct gdb_breakpoint *breakpoint)
{
	for (unsigned i = 0; i < GDB_BREAKPOINT_MAX; i++) {
		const struct gdb_breakpoint *entry = &session->breakpoints.entry[i];

		if (entry->used && entry->type == breakpoint->type && entry->gva == breakpoint->gva)
			return true;
	}
	return false;
}

/* A watchpoint's hit that could not be reported when it happened. */
static bool report_late_watch(struct gdb_session *session)
{
	for (unsigned cpu = 0; cpu < cpu_count(session); cpu++) {
		struct gdb_breakpoint *hit = &session->late_watch[cpu];

		if (hit->used && is_inserted(session, hit)) {
			hit->used = false;
			report_breakpoint(session, cpu, hit, 0);
			return true;
		}
	}
	return false;
}

/* --- running --- */

static bool is_user_mode(struct gdb_session *session, unsigned cpu)
{
	struct gdb_registers regs;

	if (session->target.ops->get_registers(session->target.ctx, cpu, &regs) < 0)
		return false;
	return regs.system.cr0 & CR0_PE && (regs.system.cs.selector & 3) == 3;
}

/* Sets every vCPU's debug registers and step flag. */
static int set_debug(struct gdb_session *session)
{
	const struct gdb_target *target = &session->target;
	struct vcpu_debug debug;
	int err = 0;

	gdb_breakpoints_fill_debug(&session->breakpoints, &debug);
	for (unsigned cpu = 0; !err && cpu < cpu_count(session); cpu++) {
		struct vcpu_debug own = debug;

		own.single_step = session->action[cpu] == GDB_STEP;
		own.enabled |= own.single_step;
		own.inject = session->inject[cpu];
		session->inject[cpu] = 0;
		err = target->ops->set_debug(target->ctx, cpu, &own);
	}
	return err;
}

static unsigned count_moving(struct gdb_session *session, const enum gdb_action *action, int *last)
{
	unsigned moving = 0;

	for (unsigned cpu = 0; cpu < cpu_count(session); cpu++)
		if (action[cpu] != GDB_STAY) {
			*last = (int)cpu;
			moving++;
		}
	return moving;
}

/* Runs the vCPUs as session->action says. */
static int go(struct gdb_session *session)
{
	int only = GDB_ALL_CPUS;
	unsigned moving = count_moving(session, session->action, &only);
	int err = set_debug(session);

	if (err)
		return err;
	if (moving == cpu_count(session))
		only = GDB_ALL_CPUS;
	session->state = GDB_RUNNING;
	session->target.ops->resume(session->target.ctx, only);
	return 0;
}

/* Says once what this host cannot do, now that gdb listens to console output. */
static void tell_deprivileged(struct gdb_session *session)
{
	if (session->told_deprivileged ||
	    !session->target.ops->is_deprivileged(session->target.ctx))
		return;
	session->told_deprivileged = true;
	gdb_session_print(session,
			  "vitrine: this host's KVM is deprivileged: `break` uses one of 4 "
			  "hardware breakpoints; watchpoints, and breakpoints and steps in "
			  "ring 3, do not work here.\n");
}

static const char *objection(struct gdb_session *session, const enum gdb_action *action)
{
	int last = 0;
	unsigned moving = count_moving(session, action, &last);

	if (moving != 1 && moving != cpu_count(session))
		return "E.Vitrine runs one vCPU or all";
	if (!session->target.ops->is_deprivileged(session->target.ctx))
		return NULL;
	for (unsigned cpu = 0; cpu < cpu_count(session); cpu++)
		if (action[cpu] == GDB_STEP && is_user_mode(session, cpu))
			return "E.deprivileged KVM can't step in ring 3";
	return NULL;
}

static void start(struct gdb_session *session, const enum gdb_action *action)
{
	const char *why_not = objection(session, action);
	int err;

	if (why_not) {
		gdb_reply_text(&session->reply, "%s", why_not);
		return;
	}
	session->no_reply = true;
	if (report_late_watch(session))
		return;
	tell_deprivileged(session);
	memcpy(session->action, action, sizeof(session->action));
	err = go(session);
	if (err) {
		session->no_reply = false;
		gdb_reply_error(session, err);
	}
}

void gdb_session_post_stop(struct gdb_session *session, unsigned cpu,
			   const struct vcpu_debug_stop *stop)
{
	if (cpu >= GDB_CPU_MAX)
		return;
	pthread_mutex_lock(&session->lock);
	session->stop_posted[cpu] = true;
	session->stop[cpu] = *stop;
	pthread_mutex_unlock(&session->lock);
}

void gdb_session_settle(struct gdb_session *session)
{
	if (session->state == GDB_DETACHED || !session->target.ops)
		return;
	session->target.ops->pause(session->target.ctx);
	if (!report_posted(session) && session->state == GDB_RUNNING && go(session) < 0)
		report(session, session->cpu, SIGNAL_INTERRUPT, "");
}

void gdb_interrupt(struct gdb_session *session)
{
	if (session->state != GDB_RUNNING || !session->target.ops)
		return;
	session->target.ops->pause(session->target.ctx);
	if (!report_posted(session))
		report(session, session->cpu, SIGNAL_INTERRUPT, "");
}

/* --- the packets --- */

static void set_all(struct gdb_session *session, enum gdb_action *action, enum gdb_action what)
{
	for (unsigned cpu = 0; cpu < cpu_count(session); cpu++)
		action[cpu] = what;
}

/* c and s, with an address to go on from if one follows. */
static void move(struct gdb_session *session, struct gdb_cursor *arguments, enum gdb_action what)
{
	enum gdb_action action[GDB_CPU_MAX] = {GDB_STAY};
	bool is_one = session->continue_cpu != GDB_ALL_CPUS;
	unsigned cpu = is_one ? (unsigned)session->continue_cpu : session->cpu;
	const struct gdb_target *target = &session->target;
	struct gdb_registers regs;
	uint64_t rip;

	if (gdb_take_number(arguments, &rip)) {
		int err = target->ops->get_registers(target->ctx, cpu, &regs);

		regs.general.rip = rip;
		if (!err)
			err = target->ops->set_registers(target->ctx, cpu, &regs.general);
		if (err) {
			gdb_reply_error(session, err);
			return;
		}
	}
	if (what == GDB_CONTINUE && !is_one)
		set_all(session, action, what);
	action[cpu] = what;
	start(session, action);
}

/* A VM has no signals: the number is read and ignored. */
static void skip_signal(struct gdb_cursor *arguments)
{
	uint64_t signal;

	if (gdb_take_number(arguments, &signal))
		gdb_take_char(arguments, ';');
}

void gdb_command_continue(struct gdb_session *session, struct gdb_cursor *arguments)
{
	move(session, arguments, GDB_CONTINUE);
}

void gdb_command_continue_signal(struct gdb_session *session, struct gdb_cursor *arguments)
{
	skip_signal(arguments);
	move(session, arguments, GDB_CONTINUE);
}

void gdb_command_step(struct gdb_session *session, struct gdb_cursor *arguments)
{
	move(session, arguments, GDB_STEP);
}

void gdb_command_step_signal(struct gdb_session *session, struct gdb_cursor *arguments)
{
	skip_signal(arguments);
	move(session, arguments, GDB_STEP);
}

/* One of vCont's actions: c, C sig, s, S sig, each with :thread or for all others. */
static bool take_action(struct gdb_session *session, struct gdb_cursor *cursor,
			enum gdb_action *what, int *cpu)
{
	uint64_t signal;
	bool has_signal;

	if (!gdb_take_char(cursor, ';') || !cursor->left)
		return false;
	has_signal = *cursor->at == 'C' || *cursor->at == 'S';
	if (gdb_take_char(cursor, 'c') || gdb_take_char(cursor, 'C'))
		*what = GDB_CONTINUE;
	else if (gdb_take_char(cursor, 's') || gdb_take_char(cursor, 'S'))
		*what = GDB_STEP;
	else
		return false;
	if (has_signal && !gdb_take_number(cursor, &signal))
		return false;
	*cpu = GDB_ALL_CPUS;
	return !gdb_take_char(cursor, ':') || gdb_take_thread(session, cursor, cpu);
}

/* The first action that names a thread, or all, is that thread's. */
void gdb_command_vcont(struct gdb_session *session, struct gdb_cursor *arguments)
{
	enum gdb_action action[GDB_CPU_MAX] = {GDB_STAY};

	while (arguments->left) {
		enum gdb_action what;
		int chosen;

		if (!take_action(session, arguments, &what, &chosen)) {
			gdb_reply_error(session, -EINVAL);
			return;
		}
		for (unsigned cpu = 0; cpu < cpu_count(session); cpu++)
			if (action[cpu] == GDB_STAY &&
			    (chosen == GDB_ALL_CPUS || chosen == (int)cpu))
				action[cpu] = what;
	}
	start(session, action);
}
