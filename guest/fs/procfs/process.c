/* SPDX-License-Identifier: MIT
 *
 * /proc/PID: the table, and what is short. stat and status are in process_state.c, maps in
 * process_maps.c, descriptors and links in process_links.c.
 */
#include "guest/fs/procfs/proc.h"

#include "guest/lib/number.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/paging.h"
#include "guest/mm/slab.h"
#include "guest/mm/space.h"
#include "guest/proc/process.h"

#define STRINGS_MAX (128u * 1024)
#define OOM_ADJUST_MAX 1000

struct space *proc_space(const struct proc_subject *subject)
{
	const uint64_t flags = spin_lock(&process_lock);
	struct space *space = subject->process->space;

	if (space)
		space_get(space);
	spin_unlock(&process_lock, flags);
	return space;
}

int32_t proc_next_pid(int32_t pid)
{
	const uint64_t flags = spin_lock(&process_lock);
	int32_t best = -1;

	list_for_each(link, &process_all)
	{
		const struct process *process = container_of(link, struct process, in_all);

		if (process->pid >= pid && process->pid && (best < 0 || process->pid < best))
			best = process->pid;
	}
	spin_unlock(&process_lock, flags);
	return best;
}

/* Bytes of the program's own memory, as they are. */
static int show_range(const struct proc_subject *subject, struct text *text, bool environment)
{
	struct space *space = proc_space(subject);
	uint64_t at, end;
	char piece[256];

	if (!space)
		return 0; /* a zombie or a kernel thread */
	at = environment ? space->environment_gva : space->arguments_gva;
	end = environment ? space->environment_end_gva : space->arguments_end_gva;
	if (end > at + STRINGS_MAX)
		end = at + STRINGS_MAX;
	while (at < end) {
		const size_t now = end - at < sizeof(piece) ? end - at : sizeof(piece);

		if (space_peek(space, piece, at, now))
			break;
		text_add(text, piece, now);
		at += now;
	}
	space_put(space);
	return text->error;
}

static int show_cmdline(const struct proc_subject *subject, struct text *text)
{
	return show_range(subject, text, false);
}

static int show_environ(const struct proc_subject *subject, struct text *text)
{
	return show_range(subject, text, true);
}

static int show_auxv(const struct proc_subject *subject, struct text *text)
{
	struct space *space = proc_space(subject);

	if (!space)
		return 0;
	text_add(text, space->auxv, sizeof(space->auxv));
	space_put(space);
	return text->error;
}

static int show_comm(const struct proc_subject *subject, struct text *text)
{
	text_print(text, "%s\n", subject->task->name);
	return text->error;
}

static int store_comm(const struct proc_subject *subject, const char *word)
{
	const size_t length = strlen(word);
	char name[TASK_NAME_BYTES] = {0};

	if (subject->process != process_this())
		return -EINVAL;
	memcpy(name, word, length < sizeof(name) ? length : sizeof(name) - 1);
	memcpy(subject->task->name, name, sizeof(name));
	return 0;
}

static int show_oom_adjust(const struct proc_subject *subject, struct text *text)
{
	text_print(text, "%d\n", subject->process->oom_adjust);
	return text->error;
}

static int store_oom_adjust(const struct proc_subject *subject, const char *word)
{
	const bool negative = *word == '-';
	const char *at = word + negative;
	uint64_t value;

	if (!number_parse(&at, &value) || *at || value > OOM_ADJUST_MAX)
		return -EINVAL;
	if (negative && !process_is_root())
		return -EACCES;
	subject->process->oom_adjust = negative ? -(int32_t)value : (int32_t)value;
	return 0;
}

/* Which function it sleeps in is not known without walking its stack: "0", as where that is secret. */
static int show_wchan(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "0");
	return text->error;
}

/* Nobody logs in: that is said so, as getlogin() otherwise looks for it on the terminal. */
static int show_login(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "%u", UINT32_MAX);
	return text->error;
}

static void show_limit(struct text *text, const char *name, const struct limit *limit,
		       const char *unit)
{
	const uint64_t value[2] = {limit->soft, limit->hard};

	text_print(text, "%-25s ", name);
	for (unsigned i = 0; i < 2; i++)
		if (value[i] == UINT64_MAX)
			text_print(text, "%-20s ", "unlimited");
		else
			text_print(text, "%-20lu ", value[i]);
	text_print(text, "%-10s\n", unit);
}

static int show_limits(const struct proc_subject *subject, struct text *text)
{
	static const struct {
		const char *name, *unit;
	} row[RLIMIT_COUNT] = {
		[RLIMIT_CPU] = {"Max cpu time", "seconds"},
		[RLIMIT_FSIZE] = {"Max file size", "bytes"},
		[RLIMIT_DATA] = {"Max data size", "bytes"},
		[RLIMIT_STACK] = {"Max stack size", "bytes"},
		[RLIMIT_CORE] = {"Max core file size", "bytes"},
		[RLIMIT_RSS] = {"Max resident set", "bytes"},
		[RLIMIT_NPROC] = {"Max processes", "processes"},
		[RLIMIT_NOFILE] = {"Max open files", "files"},
		[RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
		[RLIMIT_AS] = {"Max address space", "bytes"},
		[RLIMIT_LOCKS] = {"Max file locks", "locks"},
		[RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
		[RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
		[RLIMIT_NICE] = {"Max nice priority", ""},
		[RLIMIT_RTPRIO] = {"Max realtime priority", ""},
		[RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
	};

	text_print(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned i = 0; i < RLIMIT_COUNT; i++)
		show_limit(text, row[i].name, &subject->process->limits[i], row[i].unit);
	return text->error;
}

/* Row 0 is not for threads. */
static const struct proc_entry table[] = {
	{.name = "task", .permissions = 0555, .next = proc_next_thread, .find = proc_find_thread},
	{.name = "fd",
	 .permissions = 0500,
	 .looks_inside = true,
	 .next = proc_next_fd,
	 .find = proc_find_fd},
	{.name = "fdinfo",
	 .permissions = 0500,
	 .looks_inside = true,
	 .next = proc_next_fd,
	 .find = proc_find_fdinfo},
	{.name = "auxv", .permissions = 0400, .looks_inside = true, .show = show_auxv},
	{.name = "cmdline", .permissions = 0444, .show = show_cmdline},
	{.name = "comm", .permissions = 0644, .show = show_comm, .store = store_comm},
	{.name = "cwd", .link = proc_link_cwd, .follow = proc_follow_cwd},
	{.name = "environ", .permissions = 0400, .looks_inside = true, .show = show_environ},
	{.name = "exe", .link = proc_link_exe, .follow = proc_follow_exe},
	{.name = "limits", .permissions = 0444, .show = show_limits},
	{.name = "loginuid", .permissions = 0444, .show = show_login},
	{.name = "maps", .permissions = 0444, .looks_inside = true, .show = proc_show_maps},
	{.name = "mountinfo", .permissions = 0444, .show = proc_show_mountinfo},
	{.name = "mounts", .permissions = 0444, .show = proc_show_mounts},
	{.name = "oom_score_adj",
	 .permissions = 0644,
	 .show = show_oom_adjust,
	 .store = store_oom_adjust},
	{.name = "root", .link = proc_link_root, .follow = proc_follow_root},
	{.name = "smaps", .permissions = 0444, .looks_inside = true, .show = proc_show_smaps},
	{.name = "stat", .permissions = 0444, .show = proc_show_stat},
	{.name = "statm", .permissions = 0444, .show = proc_show_statm},
	{.name = "status", .permissions = 0444, .show = proc_show_status},
	{.name = "walk", .permissions = 0400, .operations = &proc_walk_operations},
	{.name = "wchan", .permissions = 0444, .show = show_wchan},
	{0},
};

const struct proc_entry proc_process_entry = {.permissions = 0555, .children = table};
const struct proc_entry proc_thread_entry = {.permissions = 0555, .children = table + 1};
