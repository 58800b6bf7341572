/* SPDX-License-Identifier: MIT
 *
 * Descriptors for events: eventfd (a counter) and signalfd (the process's signals).
 */
#include "guest/fs/files.h"
#include "guest/fs/iobuf.h"
#include "guest/fs/poll.h"
#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

/* Called by the dispatcher. */
int64_t sys_eventfd2(uint32_t count, uint32_t flags);
int64_t sys_eventfd(uint32_t count);
int64_t sys_signalfd4(int fd, uint64_t mask_gva, uint64_t bytes, uint32_t flags);
int64_t sys_signalfd(int fd, uint64_t mask_gva, uint64_t bytes);

#define EFD_SEMAPHORE 1u
#define COUNT_MAX (UINT64_MAX - 1)

struct event {
	struct spinlock lock;
	uint64_t count;
	bool semaphore;
	struct waitq changed;
};

/* Takes what a read gives: 0 if there is nothing. */
static uint64_t take_count(struct event *event)
{
	const uint64_t flags = spin_lock(&event->lock);
	const uint64_t taken = event->semaphore && event->count ? 1 : event->count;

	event->count -= taken;
	spin_unlock(&event->lock, flags);
	return taken;
}

static int64_t read_event(struct file *file, struct iobuf *to, uint64_t *position)
{
	struct event *event = file->private;
	uint64_t taken;

	(void)position;
	if (to->left < sizeof(taken))
		return -EINVAL;
	while (!(taken = take_count(event))) {
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		const int error = wait_until(&event->changed, event->count);

		if (error)
			return error;
	}
	waitq_wake(&event->changed);
	return iobuf_put(to, &taken, sizeof(taken));
}

static bool add_count(struct event *event, uint64_t added)
{
	const uint64_t flags = spin_lock(&event->lock);
	const bool fits = added <= COUNT_MAX - event->count;

	if (fits)
		event->count += added;
	spin_unlock(&event->lock, flags);
	return fits;
}

static int64_t write_event(struct file *file, struct iobuf *from, uint64_t *position)
{
	struct event *event = file->private;
	uint64_t added;

	(void)position;
	if (from->left < sizeof(added))
		return -EINVAL;
	if (iobuf_take(from, &added, sizeof(added)) != sizeof(added))
		return -EFAULT;
	if (added > COUNT_MAX)
		return -EINVAL;
	while (!add_count(event, added)) {
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		const int error = wait_until(&event->changed, added <= COUNT_MAX - event->count);

		if (error)
			return error;
	}
	waitq_wake(&event->changed);
	return sizeof(added);
}

static unsigned poll_event(struct file *file, struct poll_table *table)
{
	struct event *event = file->private;

	poll_wait(table, &event->changed);
	return (event->count ? POLLIN | POLLRDNORM : 0) |
	       (event->count < COUNT_MAX ? POLLOUT | POLLWRNORM : 0);
}

static void release_event(struct file *file)
{
	kfree(file->private);
}

int64_t sys_eventfd2(uint32_t count, uint32_t flags)
{
	static const struct file_operations operations = {.read = read_event,
							  .write = write_event,
							  .poll = poll_event,
							  .release = release_event};
	struct event *event;
	struct file *file;
	int error;

	if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK | EFD_SEMAPHORE))
		return -EINVAL;
	event = kmalloc(sizeof(*event));
	if (!event)
		return -ENOMEM;
	event->count = count;
	event->semaphore = flags & EFD_SEMAPHORE;
	waitq_init(&event->changed);
	error = file_open_nameless(&operations, event, O_RDWR | (flags & O_NONBLOCK), "[eventfd]",
				   &file);
	if (error) {
		kfree(event);
		return error;
	}
	return fd_install(file, 0, flags & O_CLOEXEC);
}

int64_t sys_eventfd(uint32_t count)
{
	return sys_eventfd2(count, 0);
}

/* Waits are in the queue of who made it: referenced, since an epoll may watch it for longer than he lives. */
struct signal_file {
	signal_set mask;
	struct process *process;
};

struct signalfd_info { /* struct signalfd_siginfo */
	uint32_t number;
	int32_t error, code;
	uint32_t pid, uid;
	int32_t fd;
	uint32_t timer_id, band, overrun, trap;
	int32_t status, integer;
	uint64_t pointer, user_ticks, system_ticks, address;
	uint8_t reserved[48];
};
_Static_assert(sizeof(struct signalfd_info) == 128, "struct signalfd_siginfo");

static int64_t put_signal(struct iobuf *to, const struct signal_info *info)
{
	struct signalfd_info out = {.number = (uint32_t)info->number,
				    .error = info->error,
				    .code = info->code,
				    .pid = (uint32_t)info->pid,
				    .uid = info->uid};

	if (info->number == SIGCHLD) {
		out.status = info->status;
		out.user_ticks = (uint64_t)info->user_ticks;
		out.system_ticks = (uint64_t)info->system_ticks;
	} else if (info->code == SI_TIMER) {
		out.timer_id = (uint32_t)info->timer_id;
		out.overrun = (uint32_t)info->overrun;
		out.pointer = info->timer_value;
	} else {
		out.pointer = info->value;
		out.address = info->address_gva;
	}
	out.integer = (int32_t)out.pointer;
	return iobuf_put(to, &out, sizeof(out));
}

static int64_t read_signals(struct file *file, struct iobuf *to, uint64_t *position)
{
	const struct signal_file *signals = file->private;
	struct signal_info info;
	int64_t done = 0;

	(void)position;
	if (to->left < sizeof(struct signalfd_info))
		return -EINVAL;
	while (to->left >= sizeof(struct signalfd_info)) {
		if (signal_take(signals->mask, &info)) {
			const int64_t put = put_signal(to, &info);

			if (put < 0)
				return done ? done : put;
			done += put;
			continue;
		}
		if (done || (file->flags & O_NONBLOCK))
			break;
		const int error = wait_until(&process_this()->signal_arrived,
					     signal_pending_set() & signals->mask);

		if (error)
			return error;
	}
	return done ? done : -EAGAIN;
}

static unsigned poll_signals(struct file *file, struct poll_table *table)
{
	const struct signal_file *signals = file->private;

	poll_wait(table, &signals->process->signal_arrived);
	return signal_pending_set() & signals->mask ? POLLIN | POLLRDNORM : 0;
}

static void release_signals(struct file *file)
{
	struct signal_file *signals = file->private;

	process_put(signals->process);
	kfree(signals);
}

static const struct file_operations signal_operations = {
	.read = read_signals, .poll = poll_signals, .release = release_signals};

static int64_t change_mask(int fd, signal_set mask)
{
	struct file *file = fd_get(fd);
	int64_t result = fd;

	if (!file)
		return -EBADF;
	if (file->operations == &signal_operations)
		((struct signal_file *)file->private)->mask = mask;
	else
		result = -EINVAL;
	file_put(file);
	return result;
}

int64_t sys_signalfd4(int fd, uint64_t mask_gva, uint64_t bytes, uint32_t flags)
{
	struct signal_file *kept;
	signal_set mask;
	struct file *file;
	int error;

	if (bytes != sizeof(mask) || (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK)))
		return -EINVAL;
	if (user_read(&mask, mask_gva, sizeof(mask)))
		return -EFAULT;
	mask &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
	if (fd != -1)
		return change_mask(fd, mask);
	kept = kmalloc(sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	*kept = (struct signal_file){mask, process_get(process_this())};
	error = file_open_nameless(&signal_operations, kept, O_RDWR | (flags & O_NONBLOCK),
				   "[signalfd]", &file);
	if (error) {
		process_put(kept->process);
		kfree(kept);
		return error;
	}
	return fd_install(file, 0, flags & O_CLOEXEC);
}

int64_t sys_signalfd(int fd, uint64_t mask_gva, uint64_t bytes)
{
	return sys_signalfd4(fd, mask_gva, bytes, 0);
}
