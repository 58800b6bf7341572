/* SPDX-License-Identifier: MIT
 *
 * wait4() and waitid(): what became of children.
 */
#include <stddef.h>

#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/syscall/calls.h"

enum wait_option {
	WNOHANG = 1,
	WUNTRACED = 2, /* in waitid: WSTOPPED */
	WEXITED = 4,
	WCONTINUED = 8,
	WNOWAIT = 0x1000000,
	WNOTHREAD = 0x20000000,
	WALL = 0x40000000,
	WCLONE = (int32_t)0x80000000
};
enum wait_kind { P_ALL, P_PID, P_PGID };
#define STATUS_STOPPED 0x7f
#define STATUS_CONTINUED 0xffff
#define NS_PER_US 1000
#define US_PER_S 1000000

struct wait_request {
	enum wait_kind kind;
	int32_t id;
	unsigned options;
};

struct wait_result {
	int32_t pid; /* 0: nobody yet */
	uint32_t uid;
	int32_t status, code;
	struct usage usage;
	struct process *reaped; /* to be given back, without lock */
};

struct user_usage { /* struct rusage */
	int64_t user_s, user_us, system_s, system_us, resident_peak_kib, unused[3], faults_minor,
		faults_major, unused_too[6], switches_voluntary, switches_involuntary;
};
_Static_assert(sizeof(struct user_usage) == 144, "struct rusage");

int usage_write(uint64_t gva, const struct usage *usage)
{
	const uint64_t user_us = usage->user_ns / NS_PER_US;
	const uint64_t system_us = usage->system_ns / NS_PER_US;
	const struct user_usage user = {
		.user_s = (int64_t)(user_us / US_PER_S),
		.user_us = (int64_t)(user_us % US_PER_S),
		.system_s = (int64_t)(system_us / US_PER_S),
		.system_us = (int64_t)(system_us % US_PER_S),
		.resident_peak_kib = (int64_t)usage->resident_peak * 4,
		.faults_minor = (int64_t)usage->faults_minor,
		.faults_major = (int64_t)usage->faults_major,
		.switches_voluntary = (int64_t)usage->switches_voluntary,
		.switches_involuntary = (int64_t)usage->switches_involuntary,
	};

	return user_write(gva, &user, sizeof(user));
}

static bool is_wanted(const struct process *child, const struct wait_request *request)
{
	if ((request->kind == P_PID && child->pid != request->id) ||
	    (request->kind == P_PGID && child->group != request->id))
		return false;
	return (request->options & WALL) ||
	       (child->exit_signal != SIGCHLD) == !!(request->options & WCLONE);
}

static int code_of_end(int32_t status)
{
	return !(status & 0x7f) ? CLD_EXITED : status & 0x80 ? CLD_DUMPED : CLD_KILLED;
}

/* What is to be told about child, and that it has been told. */
static bool take_news(struct process *child, unsigned options, struct wait_result *result)
{
	const bool keep = options & WNOWAIT;

	if (child->state == PROCESS_ZOMBIE && (options & WEXITED)) {
		result->status = child->exit_status;
		result->code = code_of_end(child->exit_status);
		result->usage = child->ended;
		usage_add(&result->usage, &child->children_usage);
		if (!keep) {
			usage_add(&child->parent->children_usage, &result->usage);
			process_unlink(child);
			result->reaped = child;
		}
	} else if (child->stop_unreported && (options & WUNTRACED)) {
		result->status = child->stop_signal << 8 | STATUS_STOPPED;
		result->code = CLD_STOPPED;
		child->stop_unreported = keep;
	} else if (child->continue_unreported && (options & WCONTINUED)) {
		result->status = STATUS_CONTINUED;
		result->code = CLD_CONTINUED;
		child->continue_unreported = keep;
	} else {
		return false;
	}
	result->pid = child->pid;
	result->uid = child->credentials.uid;
	return true;
}

/* false: no such child, now or ever. Else result->pid says whether there was news. */
static bool look(const struct wait_request *request, struct wait_result *result)
{
	const uint64_t flags = spin_lock(&process_lock);
	bool any = false;

	list_for_each(link, &process_this()->children)
	{
		struct process *child = container_of(link, struct process, sibling);

		if (!is_wanted(child, request))
			continue;
		any = true;
		if (take_news(child, request->options, result))
			break;
	}
	spin_unlock(&process_lock, flags);
	return any;
}

/* 0 and news, or nobody's number with WNOHANG; or -errno. What it takes from a zombie frees that. */
static int wait_for_child(const struct wait_request *request, struct wait_result *result)
{
	bool any = true;
	int error = 0;

	*result = (struct wait_result){0};
	if (request->options & WNOHANG)
		any = look(request, result);
	else
		error = wait_until(&process_this()->child_changed,
				   !(any = look(request, result)) || result->pid);
	if (result->reaped) {
		task_put(result->reaped->leader);
		process_put(result->reaped);
	}
	if (!any)
		return -ECHILD;
	return result->pid ? 0 : error;
}

int64_t sys_wait4(int pid, uint64_t status_gva, int options, uint64_t usage_gva)
{
	struct wait_request request = {P_ALL, 0, (unsigned)options | WEXITED};
	struct wait_result result;
	int error;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid > 0)
		request = (struct wait_request){P_PID, pid, request.options};
	else if (pid != -1)
		request = (struct wait_request){P_PGID, pid ? -pid : process_this()->group,
						request.options};
	error = wait_for_child(&request, &result);
	if (error || !result.pid)
		return error;
	if (status_gva && user_write(status_gva, &result.status, sizeof(result.status)))
		return -EFAULT;
	if (usage_gva && usage_write(usage_gva, &result.usage))
		return -EFAULT;
	return result.pid;
}

static int32_t siginfo_status(const struct wait_result *result)
{
	switch (result->code) {
	case CLD_EXITED: return result->status >> 8;
	case CLD_STOPPED: return result->status >> 8;
	case CLD_CONTINUED: return SIGCONT;
	default: return result->status & 0x7f;
	}
}

int64_t sys_waitid(int kind, int id, uint64_t info_gva, int options, uint64_t usage_gva)
{
	const struct wait_request request = {(enum wait_kind)kind,
					     kind == P_PGID && !id ? process_this()->group : id,
					     (unsigned)options | WALL};
	struct signal_info info = {0};
	struct wait_result result;
	int error;

	if (kind < P_ALL || kind > P_PGID || (kind == P_PID && id <= 0) ||
	    (kind == P_PGID && id < 0) || !(options & (WEXITED | WUNTRACED | WCONTINUED)) ||
	    (options &
	     ~(WNOHANG | WUNTRACED | WEXITED | WCONTINUED | WNOWAIT | WNOTHREAD | WALL | WCLONE)))
		return -EINVAL;
	error = wait_for_child(&request, &result);
	if (error)
		return error;
	if (result.pid)
		info = (struct signal_info){.number = SIGCHLD,
					    .code = result.code,
					    .pid = result.pid,
					    .uid = result.uid,
					    .status = siginfo_status(&result)};
	if (info_gva && user_write(info_gva, &info, sizeof(info)))
		return -EFAULT;
	return result.pid && usage_gva && usage_write(usage_gva, &result.usage) ? -EFAULT : 0;
}

int64_t sys_getrusage(int who, uint64_t usage_gva)
{
	enum { RUSAGE_SELF = 0, RUSAGE_CHILDREN = -1, RUSAGE_THREAD = 1 };
	const struct task *task = task_this();
	struct process *process = task->process;
	const uint64_t flags = spin_lock(&process_lock);
	struct usage usage = {0};

	if (who == RUSAGE_SELF)
		usage = process_usage(process);
	else if (who == RUSAGE_CHILDREN)
		usage = process->children_usage;
	else
		usage = task_usage(task);
	spin_unlock(&process_lock, flags);
	if (who < RUSAGE_CHILDREN || who > RUSAGE_THREAD)
		return -EINVAL;
	return usage_write(usage_gva, &usage) ? -EFAULT : 0;
}
