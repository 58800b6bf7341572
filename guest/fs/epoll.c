/* SPDX-License-Identifier: MIT
 *
 * See epoll.h. An item stands in the queues of its file for as long as it exists. When one of them wakes it,
 * the item enters the list of those that may be ready, which epoll_wait() then looks at; items that report
 * levels stay in the list until a look finds nothing.
 *
 * Locks: watch_lock guards the files' lists of items, and that epolls don't watch each other in a circle;
 * inside of it epoll->lock guards the items; inside of that ready_lock, which wakers take too, the ready
 * list.
 */
#include "guest/fs/epoll.h"

#include "guest/fs/files.h"
#include "guest/fs/poll.h"
#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

/* Called by the dispatcher. */
int64_t sys_epoll_create1(uint32_t flags);
int64_t sys_epoll_create(int size);
int64_t sys_epoll_ctl(int epoll_fd, int operation, int fd, uint64_t event_gva);
int64_t sys_epoll_wait(int epoll_fd, uint64_t events_gva, int max, int milliseconds);
int64_t sys_epoll_pwait(int epoll_fd, uint64_t events_gva, int max, int milliseconds,
			uint64_t mask_gva, uint64_t mask_bytes);
int64_t sys_epoll_pwait2(int epoll_fd, uint64_t events_gva, int max, uint64_t time_gva,
			 uint64_t mask_gva, uint64_t mask_bytes);

#define ITEMS_MAX 4096
#define DEPTH_MAX 5
#define STEPS_MAX 1024 /* of looking how deep: there may be many ways down */
#define BATCH 32       /* events reported at once */

enum epoll_operation { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL, EPOLL_CTL_MOD };
#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLONESHOT (1u << 30)
#define EPOLLET (1u << 31)
#define EPOLL_MODES (EPOLLEXCLUSIVE | 1u << 29 | EPOLLONESHOT | EPOLLET)

struct epoll_event {
	uint32_t events;
	uint64_t data;
} __attribute__((packed));
_Static_assert(sizeof(struct epoll_event) == 12, "struct epoll_event");

struct epoll {
	struct mutex lock;
	struct list items;
	unsigned item_count;
	struct spinlock ready_lock;
	struct list ready;
	struct waitq waiters;
};

struct item_wait {
	struct wait wait;
	struct epoll_item *item;
	struct item_wait *next;
};

struct epoll_item {
	struct epoll *epoll;
	struct file *file; /* not referenced: goes when the file does */
	int fd;
	struct epoll_event event;
	bool disabled; /* a one-shot that has fired */
	struct list in_epoll, in_ready, in_file;
	struct list in_again; /* while events are collected */
	struct item_wait *waits;
	struct poll_table table;
	bool failed;
};

static struct mutex watch_lock = MUTEX_FREE(watch_lock);

static void enter_ready(struct epoll_item *item)
{
	struct epoll *epoll = item->epoll;
	const uint64_t flags = spin_lock(&epoll->ready_lock);

	if (list_is_empty(&item->in_ready))
		list_add_last(&epoll->ready, &item->in_ready);
	spin_unlock(&epoll->ready_lock, flags);
}

static void make_ready(struct epoll_item *item)
{
	enter_ready(item);
	waitq_wake(&item->epoll->waiters);
}

static void make_unready(struct epoll_item *item)
{
	const uint64_t flags = spin_lock(&item->epoll->ready_lock);

	list_remove(&item->in_ready);
	spin_unlock(&item->epoll->ready_lock, flags);
}

static void woken(struct wait *wait)
{
	make_ready(container_of(wait, struct item_wait, wait)->item);
}

static void join(struct poll_table *table, struct waitq *queue)
{
	struct epoll_item *item = container_of(table, struct epoll_item, table);
	struct item_wait *made = kmalloc(sizeof(*made));

	if (!made) {
		item->failed = true;
		return;
	}
	made->item = item;
	made->wait.wake = woken;
	made->wait.exclusive = item->event.events & EPOLLEXCLUSIVE;
	made->next = item->waits;
	item->waits = made;
	waitq_add(queue, &made->wait);
}

static uint32_t events_of(const struct epoll_item *item, struct poll_table *table)
{
	const unsigned events = poll_file(item->file, table);

	return item->disabled ? 0 : events & (item->event.events | POLLERR | POLLHUP);
}

/* With watch_lock and the epoll's lock. */
static void remove_item(struct epoll_item *item)
{
	while (item->waits) {
		struct item_wait *wait = item->waits;

		item->waits = wait->next;
		waitq_remove(&wait->wait);
		kfree(wait);
	}
	make_unready(item);
	list_remove(&item->in_epoll);
	list_remove(&item->in_file);
	item->epoll->item_count--;
	kfree(item);
}

void epoll_forget_file(struct file *file)
{
	/* Not whether there is one: another CPU may just be taking the last one out. */
	if (!file->was_watched)
		return;
	mutex_lock(&watch_lock);
	while (!list_is_empty(&file->watches)) {
		struct epoll_item *item = container_of(file->watches.next, struct epoll_item,
						       in_file);
		struct epoll *epoll = item->epoll;

		mutex_lock(&epoll->lock);
		remove_item(item);
		mutex_unlock(&epoll->lock);
	}
	mutex_unlock(&watch_lock);
}

static void release_epoll(struct file *file)
{
	struct epoll *epoll = file->private;

	mutex_lock(&watch_lock);
	mutex_lock(&epoll->lock);
	while (!list_is_empty(&epoll->items))
		remove_item(container_of(epoll->items.next, struct epoll_item, in_epoll));
	mutex_unlock(&epoll->lock);
	mutex_unlock(&watch_lock);
	kfree(epoll);
}

/* Whether one of the ready list is; others leave it. */
static bool has_ready(struct epoll *epoll)
{
	bool found = false;

	mutex_lock(&epoll->lock);
	while (!found && !list_is_empty(&epoll->ready)) {
		struct epoll_item *item = container_of(epoll->ready.next, struct epoll_item,
						       in_ready);

		make_unready(item);
		found = events_of(item, NULL);
		if (found)
			enter_ready(item); /* no news: who looks here needn't be woken */
	}
	mutex_unlock(&epoll->lock);
	return found;
}

static unsigned poll_epoll(struct file *file, struct poll_table *table)
{
	struct epoll *epoll = file->private;

	poll_wait(table, &epoll->waiters);
	return !list_is_empty(&epoll->ready) && has_ready(epoll) ? POLLIN | POLLRDNORM : 0;
}

static const struct file_operations epoll_operations = {.poll = poll_epoll,
							.release = release_epoll};

/* How deep epolls below this one watch each other; more than the maximum if target is among them. */
static unsigned depth_below(struct epoll *epoll, const struct epoll *target, unsigned depth,
			    unsigned *steps)
{
	unsigned deepest = depth;

	if (epoll == target || depth > DEPTH_MAX || ++*steps > STEPS_MAX)
		return DEPTH_MAX + 1;
	list_for_each(link, &epoll->items)
	{
		const struct epoll_item *item = container_of(link, struct epoll_item, in_epoll);
		unsigned below;

		if (item->file->operations != &epoll_operations)
			continue;
		below = depth_below(item->file->private, target, depth + 1, steps);
		if (below > deepest)
			deepest = below;
		if (deepest > DEPTH_MAX)
			break;
	}
	return deepest;
}

static struct epoll_item *find_item(struct epoll *epoll, const struct file *file, int fd)
{
	list_for_each(link, &epoll->items)
	{
		struct epoll_item *item = container_of(link, struct epoll_item, in_epoll);

		if (item->file == file && item->fd == fd)
			return item;
	}
	return NULL;
}

static int add_item(struct epoll *epoll, struct file *file, int fd, const struct epoll_event *event)
{
	struct epoll_item *item;

	if (epoll->item_count >= ITEMS_MAX)
		return -ENOSPC;
	item = kmalloc(sizeof(*item));
	if (!item)
		return -ENOMEM;
	*item = (struct epoll_item){.epoll = epoll, .file = file, .fd = fd, .event = *event};
	item->table.join = join;
	list_init(&item->in_ready);
	list_init(&item->in_again);
	list_add_last(&epoll->items, &item->in_epoll);
	list_add_last(&file->watches, &item->in_file);
	file->was_watched = true;
	epoll->item_count++;
	if (events_of(item, &item->table))
		make_ready(item);
	if (item->failed) {
		remove_item(item);
		return -ENOMEM;
	}
	return 0;
}

static int change_item(struct epoll_item *item, const struct epoll_event *event)
{
	if ((item->event.events | event->events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	item->event = *event;
	item->disabled = false;
	if (events_of(item, NULL))
		make_ready(item);
	return 0;
}

static int control_locked(struct epoll *epoll, int operation, struct file *file, int fd,
			  const struct epoll_event *event)
{
	struct epoll_item *item = find_item(epoll, file, fd);

	if (operation == EPOLL_CTL_ADD)
		return item ? -EEXIST : add_item(epoll, file, fd, event);
	if (!item)
		return -ENOENT;
	if (operation == EPOLL_CTL_MOD)
		return change_item(item, event);
	remove_item(item);
	return 0;
}

static int control(struct epoll *epoll, int operation, struct file *file, int fd,
		   const struct epoll_event *event)
{
	const bool nests = file->operations == &epoll_operations;
	unsigned steps = 0;
	int error = 0;

	if (!file->operations || !file->operations->poll)
		return -EPERM;
	if (nests && file->private == epoll)
		return -EINVAL;
	mutex_lock(&watch_lock);
	if (nests && operation == EPOLL_CTL_ADD &&
	    depth_below(file->private, epoll, 1, &steps) > DEPTH_MAX)
		error = -ELOOP;
	if (!error) {
		mutex_lock(&epoll->lock);
		error = control_locked(epoll, operation, file, fd, event);
		mutex_unlock(&epoll->lock);
	}
	mutex_unlock(&watch_lock);
	return error;
}

/* Up to max events of items in the ready list. Those that report levels go to its end again. One that
 * wakes meanwhile stands in the list once more: then all that is left has been looked at. */
static int collect(struct epoll *epoll, struct epoll_event *to, int max)
{
	struct list again = LIST_EMPTY(again);
	int count = 0;

	mutex_lock(&epoll->lock);
	while (count < max && !list_is_empty(&epoll->ready)) {
		struct epoll_item *item = container_of(epoll->ready.next, struct epoll_item,
						       in_ready);
		uint32_t events;

		if (!list_is_empty(&item->in_again))
			break;
		make_unready(item); /* before the look: a wake-up after it is not lost */
		events = events_of(item, NULL);
		if (!events)
			continue;
		to[count++] = (struct epoll_event){events, item->event.data};
		list_add_last(&again, &item->in_again);
		item->disabled = item->event.events & EPOLLONESHOT;
	}
	while (!list_is_empty(&again)) {
		struct epoll_item *item = container_of(again.next, struct epoll_item, in_again);

		list_remove(&item->in_again);
		if (!(item->event.events & (EPOLLONESHOT | EPOLLET)))
			make_ready(item);
	}
	mutex_unlock(&epoll->lock);
	return count;
}

/* At most a batch, so that the events need no memory but the stack's; who asked for more asks again. */
static int collect_to_user(struct epoll *epoll, uint64_t events_gva, int max)
{
	struct epoll_event batch[BATCH];
	const int count = collect(epoll, batch, max < BATCH ? max : BATCH);

	return count && user_write(events_gva, batch, (size_t)count * sizeof(batch[0])) ? -EFAULT
											: count;
}

static int64_t wait_for_events(int epoll_fd, uint64_t events_gva, int max, uint64_t deadline_ns)
{
	struct file *file = fd_get(epoll_fd);
	struct epoll *epoll;
	int result = 0, error = 0;

	if (!file)
		return -EBADF;
	epoll = file->private;
	if (file->operations != &epoll_operations || max <= 0 || max > INT32_MAX / 12) {
		file_put(file);
		return -EINVAL;
	}
	while (!(result = collect_to_user(epoll, events_gva, max)) && !error && deadline_ns)
		error = wait_until_deadline(&epoll->waiters, !list_is_empty(&epoll->ready),
					    deadline_ns);
	file_put(file);
	if (result || !deadline_ns || error == -ETIMEDOUT)
		return result;
	return error == -ERESTART ? -EINTR : error;
}

int64_t sys_epoll_create1(uint32_t flags)
{
	struct epoll *epoll;
	struct file *file;
	int error;

	if (flags & ~(uint32_t)O_CLOEXEC)
		return -EINVAL;
	epoll = kmalloc(sizeof(*epoll));
	if (!epoll)
		return -ENOMEM;
	mutex_init(&epoll->lock);
	list_init(&epoll->items);
	list_init(&epoll->ready);
	waitq_init(&epoll->waiters);
	error = file_open_nameless(&epoll_operations, epoll, O_RDWR, "[eventpoll]", &file);
	if (error) {
		kfree(epoll);
		return error;
	}
	return fd_install(file, 0, flags & O_CLOEXEC);
}

int64_t sys_epoll_create(int size)
{
	return size > 0 ? sys_epoll_create1(0) : -EINVAL;
}

int64_t sys_epoll_ctl(int epoll_fd, int operation, int fd, uint64_t event_gva)
{
	struct epoll_event event = {0, 0};
	struct file *file, *watched;
	int error;

	if (operation < EPOLL_CTL_ADD || operation > EPOLL_CTL_MOD)
		return -EINVAL;
	if (operation != EPOLL_CTL_DEL && user_read(&event, event_gva, sizeof(event)))
		return -EFAULT;
	file = fd_get(epoll_fd);
	watched = fd_get(fd);
	if (!file || !watched)
		error = -EBADF;
	else if (file->operations != &epoll_operations)
		error = -EINVAL;
	else
		error = control(file->private, operation, watched, fd, &event);
	if (file)
		file_put(file);
	if (watched)
		file_put(watched);
	return error;
}

int64_t sys_epoll_wait(int epoll_fd, uint64_t events_gva, int max, int milliseconds)
{
	return wait_for_events(epoll_fd, events_gva, max, poll_deadline_ms(milliseconds));
}

int64_t sys_epoll_pwait(int epoll_fd, uint64_t events_gva, int max, int milliseconds,
			uint64_t mask_gva, uint64_t mask_bytes)
{
	int error = poll_block_signals(mask_gva, mask_bytes);

	return error ? error
		     : poll_unblock_signals(
			       mask_gva, sys_epoll_wait(epoll_fd, events_gva, max, milliseconds));
}

int64_t sys_epoll_pwait2(int epoll_fd, uint64_t events_gva, int max, uint64_t time_gva,
			 uint64_t mask_gva, uint64_t mask_bytes)
{
	uint64_t deadline_ns;
	int error = poll_deadline(time_gva, false, &deadline_ns);

	if (!error)
		error = poll_block_signals(mask_gva, mask_bytes);
	if (error)
		return error;
	return poll_unblock_signals(mask_gva,
				    wait_for_events(epoll_fd, events_gva, max, deadline_ns));
}
