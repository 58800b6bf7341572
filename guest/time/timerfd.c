/* SPDX-License-Identifier: MIT
 *
 * timerfd: a descriptor that becomes readable when time is up, and then says how often it was.
 */
#include "guest/fs/files.h"
#include "guest/fs/iobuf.h"
#include "guest/fs/poll.h"
#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/sched/timer.h"
#include "guest/time/clock.h"
#include "guest/time/time_calls.h"

#define TFD_TIMER_ABSTIME 1
#define TFD_TIMER_CANCEL_ON_SET 2

int64_t sys_timerfd_create(int clock, int flags);
int64_t sys_timerfd_settime(int fd, int flags, uint64_t value_gva, uint64_t old_gva);
int64_t sys_timerfd_gettime(int fd, uint64_t value_gva);

struct timer_file {
	struct timer timer;
	int clock;
	struct mutex lock;    /* of settime */
	uint64_t interval_ns; /* changed only while the timer is stopped */
	uint64_t times;	      /* atomic: expired since the last read */
	struct waitq readable;
};

static void expired(struct timer *timer)
{
	struct timer_file *timer_file = container_of(timer, struct timer_file, timer);
	uint64_t times = 1;

	if (timer_file->interval_ns)
		times += timer_repeat(timer, timer_file->interval_ns, 0);
	__atomic_fetch_add(&timer_file->times, times, __ATOMIC_RELEASE);
	waitq_wake(&timer_file->readable);
}

static uint64_t times_of(const struct timer_file *timer_file)
{
	return __atomic_load_n(&timer_file->times, __ATOMIC_ACQUIRE);
}

static int64_t read(struct file *file, struct iobuf *to, uint64_t *position)
{
	struct timer_file *timer_file = file->private;
	uint64_t times;

	(void)position;
	if (to->left < sizeof(times))
		return -EINVAL;
	while (!(times = __atomic_exchange_n(&timer_file->times, 0, __ATOMIC_ACQUIRE))) {
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		const int error = wait_until(&timer_file->readable, times_of(timer_file));

		if (error)
			return error;
	}
	return iobuf_put(to, &times, sizeof(times));
}

static unsigned poll(struct file *file, struct poll_table *table)
{
	struct timer_file *timer_file = file->private;

	poll_wait(table, &timer_file->readable);
	return times_of(timer_file) ? POLLIN | POLLRDNORM : 0;
}

static void release(struct file *file)
{
	struct timer_file *timer_file = file->private;

	timer_cancel(&timer_file->timer);
	kfree(timer_file);
}

static const struct file_operations operations = {.read = read, .poll = poll, .release = release};

int64_t sys_timerfd_create(int clock, int flags)
{
	struct timer_file *timer_file;
	struct file *file;
	uint64_t now;
	int result;

	if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) || time_to_monotonic(clock, false, 0, &now))
		return -EINVAL;
	timer_file = kmalloc(sizeof(*timer_file));
	if (!timer_file)
		return -ENOMEM;
	timer_init(&timer_file->timer, expired);
	mutex_init(&timer_file->lock);
	waitq_init(&timer_file->readable);
	timer_file->clock = clock;
	result = file_open_nameless(&operations, timer_file, O_RDWR | (flags & O_NONBLOCK),
				    "[timerfd]", &file);
	if (result) {
		kfree(timer_file);
		return result;
	}
	return fd_install(file, 0, flags & O_CLOEXEC);
}

/* The timer behind fd; *file is referenced. */
static int find(int fd, struct file **file, struct timer_file **timer_file)
{
	*file = fd_get(fd);
	if (!*file)
		return -EBADF;
	if ((*file)->operations != &operations) {
		file_put(*file);
		return -EINVAL;
	}
	*timer_file = (*file)->private;
	return 0;
}

static struct user_itimerspec state(const struct timer_file *timer_file)
{
	return (struct user_itimerspec){time_to_spec(timer_file->interval_ns),
					time_to_spec(timer_left(&timer_file->timer))};
}

static int set(struct timer_file *timer_file, bool absolute, const struct user_itimerspec *spec)
{
	uint64_t value_ns, interval_ns, at_ns;

	if (time_from_spec(&spec->value, &value_ns) ||
	    time_from_spec(&spec->interval, &interval_ns) ||
	    time_to_monotonic(timer_file->clock, absolute, value_ns, &at_ns))
		return -EINVAL;
	timer_cancel(&timer_file->timer);
	timer_file->interval_ns = interval_ns;
	__atomic_store_n(&timer_file->times, 0, __ATOMIC_RELAXED);
	if (value_ns)
		timer_set(&timer_file->timer, at_ns);
	return 0;
}

int64_t sys_timerfd_settime(int fd, int flags, uint64_t value_gva, uint64_t old_gva)
{
	struct user_itimerspec spec, old;
	struct timer_file *timer_file;
	struct file *file;
	int result;

	if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	if (user_read(&spec, value_gva, sizeof(spec)))
		return -EFAULT;
	result = find(fd, &file, &timer_file);
	if (result)
		return result;
	mutex_lock(&timer_file->lock);
	old = state(timer_file);
	result = set(timer_file, flags & TFD_TIMER_ABSTIME, &spec);
	mutex_unlock(&timer_file->lock);
	file_put(file);
	if (!result && old_gva)
		result = user_write(old_gva, &old, sizeof(old));
	return result;
}

int64_t sys_timerfd_gettime(int fd, uint64_t value_gva)
{
	struct timer_file *timer_file;
	struct user_itimerspec spec;
	struct file *file;
	const int result = find(fd, &file, &timer_file);

	if (result)
		return result;
	spec = state(timer_file);
	file_put(file);
	return user_write(value_gva, &spec, sizeof(spec));
}
