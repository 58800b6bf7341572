/* SPDX-License-Identifier: MIT
 *
 * POSIX timers, on the clocks that run by themselves. A process has few of them, and calls are rare: they
 * are in a list, and one mutex guards all lists and serializes all calls.
 */
#include "guest/time/posix_timers.h"

#include <stddef.h>

#include "guest/lib/errno.h"
#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/sched/mutex.h"
#include "guest/sched/timer.h"
#include "guest/time/clock.h"
#include "guest/time/time_calls.h"

#define TIMERS_MAX 256 /* of a process */

enum notify { SIGEV_SIGNAL = 0, SIGEV_NONE = 1, SIGEV_THREAD = 2, SIGEV_THREAD_ID = 4 };

struct user_sigevent { /* Linux's struct sigevent */
	uint64_t value;
	int32_t signal, notify, tid;
	int32_t pad[11];
};
_Static_assert(sizeof(struct user_sigevent) == 64, "sigevent");

struct posix_timer {
	struct timer timer;
	struct list in_process;
	struct process *process; /* lives longer: posix_timers_end() */
	struct task *task;	 /* who gets the signal, referenced; NULL: the process */
	int32_t id;
	int clock;
	struct user_sigevent event;
	uint64_t interval_ns; /* changed only while the timer is stopped */
	uint64_t overruns;
	uint64_t skipped; /* of the next signal's overruns: the process was to be left alone */
};

static struct mutex lock = MUTEX_FREE(lock);

int64_t sys_timer_create(int clock, uint64_t event_gva, uint64_t id_gva);
int64_t sys_timer_settime(int id, int flags, uint64_t value_gva, uint64_t old_gva);
int64_t sys_timer_gettime(int id, uint64_t value_gva);
int64_t sys_timer_getoverrun(int id);
int64_t sys_timer_delete(int id);

static int send(struct posix_timer *posix, const struct signal_info *info)
{
	if (posix->event.notify == SIGEV_NONE)
		return 0;
	return posix->task ? signal_send_task(posix->task, info)
			   : signal_send(posix->process, info);
}

/* Sets the timer again. How many times it expired besides this one; false: now it is to be left out. */
static bool repeat(struct posix_timer *posix, uint64_t *missed)
{
	const uint64_t quiet_until = __atomic_load_n(&posix->process->timers_quiet_until_ns,
						     __ATOMIC_RELAXED);
	const bool is_quiet = posix->timer.at_ns < quiet_until;

	*missed = posix->skipped + timer_repeat(&posix->timer, posix->interval_ns, quiet_until);
	posix->skipped = is_quiet ? *missed + 1 : 0;
	return !is_quiet;
}

/* Overruns are those since the signal was queued that the program takes, or has taken, last. */
static void expired(struct timer *timer)
{
	struct posix_timer *posix = container_of(timer, struct posix_timer, timer);
	struct signal_info info = {.number = posix->event.signal,
				   .code = SI_TIMER,
				   .timer_id = posix->id,
				   .timer_value = posix->event.value};
	uint64_t missed = 0;

	if (posix->interval_ns && !repeat(posix, &missed))
		return;
	info.overrun = missed < INT32_MAX ? (int32_t)missed : INT32_MAX;
	if (send(posix, &info) == -EEXIST)
		posix->overruns += 1 + missed;
	else
		posix->overruns = missed;
}

static struct posix_timer *find(int id)
{
	const struct list *timers = &process_this()->timers;

	if (timers->next)
		list_for_each(link, timers)
		{
			struct posix_timer *posix = container_of(link, struct posix_timer,
								 in_process);

			if (posix->id == id)
				return posix;
		}
	return NULL;
}

static void destroy(struct posix_timer *posix)
{
	list_remove(&posix->in_process);
	timer_cancel(&posix->timer);
	if (posix->task)
		task_put(posix->task);
	kfree(posix);
}

void posix_timers_end(struct process *process)
{
	mutex_lock(&lock);
	if (process->timers.next)
		list_for_each_safe(link, &process->timers)
			destroy(container_of(link, struct posix_timer, in_process));
	mutex_unlock(&lock);
}

/* The lowest number that is free; -EAGAIN: too many. */
static int new_id(void)
{
	for (int id = 0; id < TIMERS_MAX; id++)
		if (!find(id))
			return id;
	return -EAGAIN;
}

/* Checks whom the event is for, and finds the thread. */
static int take_event(struct posix_timer *posix, const struct user_sigevent *event)
{
	posix->event = *event;
	if (event->notify == SIGEV_NONE)
		return 0;
	if (event->signal < 1 || event->signal > SIGNAL_MAX)
		return -EINVAL;
	if (event->notify == SIGEV_SIGNAL || event->notify == SIGEV_THREAD)
		return 0;
	if (event->notify != SIGEV_THREAD_ID && event->notify != (SIGEV_SIGNAL | SIGEV_THREAD_ID))
		return -EINVAL;
	posix->task = task_find(event->tid);
	return posix->task && posix->task->process == process_this() ? 0 : -EINVAL;
}

static void drop(struct posix_timer *posix)
{
	if (posix->task)
		task_put(posix->task);
	kfree(posix);
}

static int64_t create(struct posix_timer *posix, const struct user_sigevent *event, uint64_t id_gva)
{
	struct process *process = process_this();
	int result = take_event(posix, event);

	if (result)
		return result;
	posix->id = new_id();
	if (posix->id < 0)
		return posix->id;
	if (user_write(id_gva, &posix->id, sizeof(posix->id)))
		return -EFAULT;
	if (!process->timers.next)
		list_init(&process->timers);
	posix->process = process;
	list_add_last(&process->timers, &posix->in_process);
	return 0;
}

int64_t sys_timer_create(int clock, uint64_t event_gva, uint64_t id_gva)
{
	struct user_sigevent event = {.signal = SIGALRM};
	struct posix_timer *posix;
	uint64_t now;
	int64_t result;

	if (time_to_monotonic(clock, false, 0, &now))
		return -EINVAL;
	if (event_gva && user_read(&event, event_gva, sizeof(event)))
		return -EFAULT;
	posix = kmalloc(sizeof(*posix));
	if (!posix)
		return -EAGAIN;
	timer_init(&posix->timer, expired);
	posix->clock = clock;
	mutex_lock(&lock);
	result = create(posix, &event, id_gva);
	if (!result && !event_gva)
		posix->event.value = (uint32_t)posix->id;
	mutex_unlock(&lock);
	if (result)
		drop(posix);
	return result;
}

static struct user_itimerspec state(const struct posix_timer *posix)
{
	return (struct user_itimerspec){time_to_spec(posix->interval_ns),
					time_to_spec(timer_left(&posix->timer))};
}

static int set(struct posix_timer *posix, bool absolute, const struct user_itimerspec *spec)
{
	uint64_t value_ns, interval_ns, at_ns;

	if (time_from_spec(&spec->value, &value_ns) ||
	    time_from_spec(&spec->interval, &interval_ns) ||
	    time_to_monotonic(posix->clock, absolute, value_ns, &at_ns))
		return -EINVAL;
	timer_cancel(&posix->timer);
	posix->interval_ns = interval_ns;
	posix->overruns = posix->skipped = 0;
	if (value_ns)
		timer_set(&posix->timer, at_ns);
	return 0;
}

int64_t sys_timer_settime(int id, int flags, uint64_t value_gva, uint64_t old_gva)
{
	struct user_itimerspec spec, old = {0};
	struct posix_timer *posix;
	int result = -EINVAL;

	if (user_read(&spec, value_gva, sizeof(spec)))
		return -EFAULT;
	mutex_lock(&lock);
	posix = find(id);
	if (posix) {
		old = state(posix);
		result = set(posix, flags & TIMER_ABSTIME, &spec);
	}
	mutex_unlock(&lock);
	if (!result && old_gva)
		result = user_write(old_gva, &old, sizeof(old));
	return result;
}

int64_t sys_timer_gettime(int id, uint64_t value_gva)
{
	struct user_itimerspec spec = {0};
	const struct posix_timer *posix;

	mutex_lock(&lock);
	posix = find(id);
	if (posix)
		spec = state(posix);
	mutex_unlock(&lock);
	return posix ? user_write(value_gva, &spec, sizeof(spec)) : -EINVAL;
}

int64_t sys_timer_getoverrun(int id)
{
	const struct posix_timer *posix;
	int64_t overruns = -EINVAL;

	mutex_lock(&lock);
	posix = find(id);
	if (posix)
		overruns = posix->overruns > INT32_MAX ? INT32_MAX : (int64_t)posix->overruns;
	mutex_unlock(&lock);
	return overruns;
}

int64_t sys_timer_delete(int id)
{
	struct posix_timer *posix;

	mutex_lock(&lock);
	posix = find(id);
	if (posix)
		destroy(posix);
	mutex_unlock(&lock);
	return posix ? 0 : -EINVAL;
}
