/* SPDX-License-Identifier: MIT
 *
 * POSIX message queues (POSIX 2.8.2, mq_open). Their names are a space of their own, without a file system.
 */
#include "guest/fs/files.h"
#include "guest/fs/poll.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/time/time_calls.h"

/* Called by the dispatcher. */
int64_t sys_mq_open(uint64_t name_gva, uint32_t flags, uint32_t mode, uint64_t attributes_gva);
int64_t sys_mq_unlink(uint64_t name_gva);
int64_t sys_mq_timedsend(int fd, uint64_t data_gva, uint64_t bytes, uint32_t priority,
			 uint64_t time_gva);
int64_t sys_mq_timedreceive(int fd, uint64_t data_gva, uint64_t bytes, uint64_t priority_gva,
			    uint64_t time_gva);
int64_t sys_mq_notify(int fd, uint64_t event_gva);
int64_t sys_mq_getsetattr(int fd, uint64_t new_gva, uint64_t old_gva);

#define MESSAGES_DEFAULT 10
#define MESSAGES_MAX 256
#define BYTES_DEFAULT 8192
#define BYTES_MAX 65536
#define PRIORITY_MAX 32768
#define QUEUES_MAX 64
#define QUEUES_BYTES_MAX (8u << 20) /* that all may hold */

enum notify_kind { SIGEV_SIGNAL = 0, SIGEV_NONE = 1, SIGEV_THREAD = 2 };
#define SI_MESGQ (-3)

struct mq_attributes { /* struct mq_attr */
	int64_t flags, messages_max, bytes_max, messages;
	int64_t reserved[4];
};
_Static_assert(sizeof(struct mq_attributes) == 64, "struct mq_attr");

struct mq_event { /* struct sigevent, as far as it is used */
	uint64_t value;
	int32_t number, kind;
	uint64_t reserved[6];
};
_Static_assert(sizeof(struct mq_event) == 64, "struct sigevent");

struct mq_message {
	struct list link; /* highest priority first, oldest first */
	uint32_t priority;
	size_t bytes;
	uint8_t data[];
};

struct mqueue {
	uint32_t refs; /* the name's, and those of open files */
	struct mqueue *next;
	struct inode *inode; /* who may do what */
	struct mutex lock;
	struct list messages;
	unsigned count, count_max;
	size_t bytes_max;
	unsigned receivers; /* that wait */
	struct waitq readable, writable;
	struct process *notified; /* referenced; NULL: nobody */
	struct mq_event event;
	char name[NAME_MAX + 1];
};

static struct mutex names_lock = MUTEX_FREE(names_lock);
static struct mqueue *queues;
static unsigned queue_count;
static size_t queue_bytes; /* that they may hold */

static void queue_put(struct mqueue *queue)
{
	struct list *link;

	if (__atomic_sub_fetch(&queue->refs, 1, __ATOMIC_ACQ_REL))
		return;
	while ((link = list_pop(&queue->messages)))
		kfree(container_of(link, struct mq_message, link));
	if (queue->notified)
		process_put(queue->notified);
	inode_put(queue->inode);
	__atomic_fetch_sub(&queue_bytes, queue->count_max * queue->bytes_max, __ATOMIC_RELAXED);
	kfree(queue);
	__atomic_fetch_sub(&queue_count, 1, __ATOMIC_RELAXED);
}

static struct mqueue **find(const char *name)
{
	struct mqueue **link = &queues;

	while (*link && strcmp((*link)->name, name) != 0)
		link = &(*link)->next;
	return link;
}

/* The name without its slash, which the C library has taken off already. */
static int read_name(char *name, uint64_t gva)
{
	const int64_t length = user_read_string(name, gva, NAME_MAX + 1);

	if (length <= 0)
		return length ? (int)length : -EINVAL;
	for (const char *at = name; *at; at++)
		if (*at == '/')
			return -EACCES;
	return 0;
}

static int read_limits(uint64_t attributes_gva, unsigned *count_max, size_t *bytes_max)
{
	struct mq_attributes attributes = {.messages_max = MESSAGES_DEFAULT,
					   .bytes_max = BYTES_DEFAULT};

	if (attributes_gva && user_read(&attributes, attributes_gva, sizeof(attributes)))
		return -EFAULT;
	if (attributes.messages_max <= 0 || attributes.messages_max > MESSAGES_MAX ||
	    attributes.bytes_max <= 0 || attributes.bytes_max > BYTES_MAX)
		return -EINVAL;
	*count_max = (unsigned)attributes.messages_max;
	*bytes_max = (size_t)attributes.bytes_max;
	return 0;
}

static int create(const char *name, uint32_t mode, uint64_t attributes_gva, struct mqueue **made)
{
	unsigned count_max;
	size_t bytes_max;
	int error = read_limits(attributes_gva, &count_max, &bytes_max);
	struct mqueue *queue;

	if (error)
		return error;
	if (queue_count >= QUEUES_MAX)
		return -ENOSPC;
	if (queue_bytes + count_max * bytes_max > QUEUES_BYTES_MAX)
		return -EMFILE;
	queue = kmalloc(sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	queue->inode = inode_nameless(S_IFREG | (mode & 0777 & ~process_this()->place->umask));
	if (!queue->inode) {
		kfree(queue);
		return -ENOMEM;
	}
	queue->refs = 1;
	queue->count_max = count_max;
	queue->bytes_max = bytes_max;
	mutex_init(&queue->lock);
	list_init(&queue->messages);
	waitq_init(&queue->readable);
	waitq_init(&queue->writable);
	memcpy(queue->name, name, strlen(name) + 1);
	queue->next = queues;
	queues = queue;
	__atomic_fetch_add(&queue_count, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&queue_bytes, count_max * bytes_max, __ATOMIC_RELAXED);
	*made = queue;
	return 0;
}

static unsigned poll_queue(struct file *file, struct poll_table *table)
{
	struct mqueue *queue = file->private;

	poll_wait(table, &queue->readable);
	poll_wait(table, &queue->writable);
	return (queue->count ? POLLIN | POLLRDNORM : 0) |
	       (queue->count < queue->count_max ? POLLOUT | POLLWRNORM : 0);
}

static void cancel_notification(struct mqueue *queue)
{
	if (queue->notified)
		process_put(queue->notified);
	queue->notified = NULL;
}

/* Who closes a descriptor of the queue is no longer told. */
static int flush_queue(struct file *file)
{
	struct mqueue *queue = file->private;

	mutex_lock(&queue->lock);
	if (queue->notified == process_this())
		cancel_notification(queue);
	mutex_unlock(&queue->lock);
	return 0;
}

static void release_queue(struct file *file)
{
	queue_put(file->private);
}

static const struct file_operations operations = {
	.poll = poll_queue, .flush = flush_queue, .release = release_queue};

static int check_open(const struct mqueue *queue, uint32_t flags)
{
	static const unsigned wanted[] = {PERMIT_READ, PERMIT_WRITE, PERMIT_READ | PERMIT_WRITE, 0};

	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	return wanted[flags & O_ACCMODE] ? inode_permission(queue->inode, wanted[flags & O_ACCMODE])
					 : -EINVAL;
}

static int open_locked(const char *name, uint32_t flags, uint32_t mode, uint64_t attributes_gva,
		       struct mqueue **queue)
{
	int error;

	*queue = *find(name);
	if (*queue)
		error = check_open(*queue, flags);
	else
		error = flags & O_CREAT ? create(name, mode, attributes_gva, queue) : -ENOENT;
	if (!error)
		__atomic_fetch_add(&(*queue)->refs, 1, __ATOMIC_RELAXED);
	return error;
}

int64_t sys_mq_open(uint64_t name_gva, uint32_t flags, uint32_t mode, uint64_t attributes_gva)
{
	char name[NAME_MAX + 1];
	struct mqueue *queue;
	struct file *file;
	int error = read_name(name, name_gva);

	if (error)
		return error;
	mutex_lock(&names_lock);
	error = open_locked(name, flags, mode, attributes_gva, &queue);
	mutex_unlock(&names_lock);
	if (error)
		return error;
	error = file_open_nameless(&operations, queue, flags & (O_ACCMODE | O_NONBLOCK), "[mqueue]",
				   &file);
	if (error) {
		queue_put(queue);
		return error;
	}
	return fd_install(file, 0, flags & O_CLOEXEC);
}

int64_t sys_mq_unlink(uint64_t name_gva)
{
	char name[NAME_MAX + 1];
	struct mqueue **link, *queue = NULL;
	int error = read_name(name, name_gva);

	if (error)
		return error;
	mutex_lock(&names_lock);
	link = find(name);
	if (!*link)
		error = -ENOENT;
	else if (!inode_is_owner((*link)->inode))
		error = -EACCES;
	else {
		queue = *link;
		*link = queue->next;
	}
	mutex_unlock(&names_lock);
	if (queue)
		queue_put(queue);
	return error;
}

/* The file of a queue, open for one of those, referenced; or NULL and *error. */
static struct file *queue_file(int fd, unsigned wrong_mode, int *error)
{
	struct file *file = fd_get(fd);

	*error = -EBADF;
	if (!file || (file->operations == &operations && (file->flags & O_ACCMODE) != wrong_mode))
		return file;
	file_put(file);
	return NULL;
}

/* An absolute real time as a deadline; gva 0: never. */
static int read_deadline(uint64_t gva, uint64_t *deadline_ns)
{
	*deadline_ns = WAIT_FOREVER;
	return gva ? time_read_deadline(gva, CLOCK_REALTIME, true, deadline_ns) : 0;
}

/* Tells, once, that the empty queue has a message, unless somebody waits for it anyway. */
static void notify_locked(struct mqueue *queue)
{
	const struct process *sender = process_this();
	struct signal_info info = {.number = queue->event.number,
				   .code = SI_MESGQ,
				   .pid = sender->pid,
				   .uid = sender->credentials.uid,
				   .value = queue->event.value};

	if (!queue->notified || queue->count != 1 || queue->receivers)
		return;
	if (queue->event.kind == SIGEV_SIGNAL)
		signal_send(queue->notified, &info);
	cancel_notification(queue);
}

static void insert_locked(struct mqueue *queue, struct mq_message *message)
{
	struct list *at = queue->messages.previous;

	while (at != &queue->messages &&
	       container_of(at, struct mq_message, link)->priority < message->priority)
		at = at->previous;
	list_insert_after(at, &message->link);
	queue->count++;
}

static bool put(struct mqueue *queue, struct mq_message *message)
{
	bool fits;

	mutex_lock(&queue->lock);
	fits = queue->count < queue->count_max;
	if (fits) {
		insert_locked(queue, message);
		notify_locked(queue);
	}
	mutex_unlock(&queue->lock);
	if (fits)
		waitq_wake(&queue->readable);
	return fits;
}

static int send(const struct file *file, struct mq_message *message, uint64_t deadline_ns)
{
	struct mqueue *queue = file->private;
	int error = 0;

	while (!put(queue, message)) {
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		error = wait_until_deadline(&queue->writable, queue->count < queue->count_max,
					    deadline_ns);
		if (error)
			return error;
	}
	return 0;
}

int64_t sys_mq_timedsend(int fd, uint64_t data_gva, uint64_t bytes, uint32_t priority,
			 uint64_t time_gva)
{
	struct mq_message *message = NULL;
	uint64_t deadline_ns;
	int error;
	struct file *file = queue_file(fd, O_RDONLY, &error);

	if (!file)
		return error;
	error = read_deadline(time_gva, &deadline_ns);
	if (!error && priority >= PRIORITY_MAX)
		error = -EINVAL;
	if (!error && bytes > ((struct mqueue *)file->private)->bytes_max)
		error = -EMSGSIZE;
	if (!error) {
		message = kmalloc(sizeof(*message) + bytes);
		error = message ? user_read(message->data, data_gva, bytes) : -ENOMEM;
	}
	if (!error) {
		message->priority = priority;
		message->bytes = bytes;
		error = send(file, message, deadline_ns);
	}
	if (error)
		kfree(message);
	file_put(file);
	return error;
}

static struct mq_message *take(struct mqueue *queue)
{
	struct list *link;

	mutex_lock(&queue->lock);
	link = list_pop(&queue->messages);
	if (link)
		queue->count--;
	mutex_unlock(&queue->lock);
	if (link)
		waitq_wake(&queue->writable);
	return link ? container_of(link, struct mq_message, link) : NULL;
}

static int receive(const struct file *file, uint64_t deadline_ns, struct mq_message **message)
{
	struct mqueue *queue = file->private;

	while (!(*message = take(queue))) {
		int error;

		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		__atomic_fetch_add(&queue->receivers, 1, __ATOMIC_RELAXED);
		error = wait_until_deadline(&queue->readable, queue->count, deadline_ns);
		__atomic_fetch_sub(&queue->receivers, 1, __ATOMIC_RELAXED);
		if (error)
			return error;
	}
	return 0;
}

int64_t sys_mq_timedreceive(int fd, uint64_t data_gva, uint64_t bytes, uint64_t priority_gva,
			    uint64_t time_gva)
{
	struct mq_message *message = NULL;
	uint64_t deadline_ns;
	int error;
	struct file *file = queue_file(fd, O_WRONLY, &error);
	int64_t result;

	if (!file)
		return error;
	result = read_deadline(time_gva, &deadline_ns);
	if (!result && bytes < ((struct mqueue *)file->private)->bytes_max)
		result = -EMSGSIZE;
	if (!result)
		result = receive(file, deadline_ns, &message);
	if (!result) {
		result = (int64_t)message->bytes;
		if (user_write(data_gva, message->data, message->bytes) ||
		    (priority_gva &&
		     user_write(priority_gva, &message->priority, sizeof(message->priority))))
			result = -EFAULT;
		kfree(message);
	}
	file_put(file);
	return result;
}

static int set_notification(struct mqueue *queue, const struct mq_event *event)
{
	struct process *process = process_this();

	if (!event) {
		if (queue->notified == process)
			cancel_notification(queue);
		return 0;
	}
	if (queue->notified)
		return -EBUSY;
	queue->event = *event;
	queue->notified = process_get(process);
	return 0;
}

int64_t sys_mq_notify(int fd, uint64_t event_gva)
{
	struct mq_event event;
	int error = event_gva ? user_read(&event, event_gva, sizeof(event)) : 0;
	struct file *file;

	if (error)
		return error;
	/* A thread as the answer is made by the C library, over a netlink socket: there is none here. */
	if (event_gva &&
	    ((event.kind != SIGEV_SIGNAL && event.kind != SIGEV_NONE) ||
	     (event.kind == SIGEV_SIGNAL && (event.number <= 0 || event.number > SIGNAL_MAX))))
		return -EINVAL;
	file = queue_file(fd, O_ACCMODE, &error);
	if (!file)
		return error;
	struct mqueue *queue = file->private;

	mutex_lock(&queue->lock);
	error = set_notification(queue, event_gva ? &event : NULL);
	mutex_unlock(&queue->lock);
	file_put(file);
	return error;
}

int64_t sys_mq_getsetattr(int fd, uint64_t new_gva, uint64_t old_gva)
{
	struct mq_attributes new, old;
	int error = new_gva ? user_read(&new, new_gva, sizeof(new)) : 0;
	struct file *file;

	if (error)
		return error;
	file = queue_file(fd, O_ACCMODE, &error);
	if (!file)
		return error;
	const struct mqueue *queue = file->private;

	old = (struct mq_attributes){.flags = file->flags & O_NONBLOCK,
				     .messages_max = queue->count_max,
				     .bytes_max = (int64_t)queue->bytes_max,
				     .messages = queue->count};
	error = 0;
	if (new_gva && (new.flags & ~(int64_t)O_NONBLOCK))
		error = -EINVAL;
	else if (new_gva)
		file->flags = (file->flags & ~(uint32_t)O_NONBLOCK) | (uint32_t) new.flags;
	file_put(file);
	return !error && old_gva ? user_write(old_gva, &old, sizeof(old)) : error;
}
