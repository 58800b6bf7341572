/* SPDX-License-Identifier: MIT
 *
 * /dev/kmsg gives each reader all lines, one a read ("level,sequence,microseconds,-;text"); what is
 * written there goes into the log. syslog(2) and /proc/kmsg share one place: each line is given once.
 */
#include "guest/fs/kmsg.h"

#include "guest/board/machine.h"
#include "guest/fs/iobuf.h"
#include "guest/fs/poll.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/sched/mutex.h"

#define MAJOR_MEMORY 1
#define MINOR_KMSG 11
#define PREFIX_MAX 40
#define LEVEL_MASK 7
#define SEEK_SET 0
#define SEEK_DATA 3
#define SEEK_END 2

enum syslog_action {
	SYSLOG_CLOSE,
	SYSLOG_OPEN,
	SYSLOG_READ,
	SYSLOG_READ_ALL,
	SYSLOG_READ_CLEAR,
	SYSLOG_CLEAR,
	SYSLOG_CONSOLE_OFF,
	SYSLOG_CONSOLE_ON,
	SYSLOG_CONSOLE_LEVEL,
	SYSLOG_SIZE_UNREAD,
	SYSLOG_SIZE_BUFFER
};

/* One line in the form that is given to programs, and the place behind it. */
struct reading {
	struct log_line line;
	char text[PREFIX_MAX + LOG_LINE_MAX + 1];
};

static struct waitq readers = WAITQ_EMPTY(readers);
static struct mutex lock = MUTEX_FREE(lock);
static struct log_place unread;	 /* of syslog(2) and /proc/kmsg; guarded by lock */
static struct log_place cleared; /* what SYSLOG_READ_ALL begins with; guarded by lock */
static enum log_level level_before_off = LOG_INFO;

static void wake_readers(void)
{
	waitq_wake(&readers);
}

static size_t format_record(struct reading *r)
{
	size_t length = print_to(r->text, PREFIX_MAX, "%u,%lu,%lu,-;", r->line.level,
				 r->line.sequence, r->line.time_ns / 1000);

	memcpy(r->text + length, r->line.text, r->line.length);
	length += r->line.length;
	r->text[length++] = '\n';
	return length;
}

static size_t format_syslog(struct reading *r)
{
	const uint64_t us = r->line.time_ns / 1000;
	size_t length = print_to(r->text, PREFIX_MAX, "<%u>[%5lu.%06lu] ", r->line.level,
				 us / 1000000, us % 1000000);

	memcpy(r->text + length, r->line.text, r->line.length);
	length += r->line.length;
	r->text[length++] = '\n';
	return length;
}

/* --- /dev/kmsg: file->private is the reader's own place. */
static int kmsg_open(struct inode *inode, struct file *file)
{
	(void)inode;
	file->private = kmalloc(sizeof(struct log_place));
	return file->private ? 0 : -ENOMEM;
}

static void kmsg_release(struct file *file)
{
	kfree(file->private);
}

static int64_t kmsg_read(struct file *file, struct iobuf *to, uint64_t *position)
{
	struct log_place *place = file->private, next = *place;
	struct reading *r;
	bool lost = false;
	int64_t result;

	(void)position;
	if (!log_has_next(place) && (file->flags & O_NONBLOCK))
		return -EAGAIN;
	result = wait_until(&readers, log_has_next(place));
	if (result)
		return result;
	r = kmalloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	if (!log_next(&next, &r->line, &lost)) {
		result = -EAGAIN;
	} else if (lost) {
		result = -EPIPE; /* the reader is told once, and goes on with what there is */
	} else {
		const size_t length = format_record(r);

		result = length > to->left ? -EINVAL : iobuf_put(to, r->text, length);
	}
	if (result > 0)
		*place = next;
	else if (lost)
		place->at = next.at;
	kfree(r);
	return result;
}

/* "<level>text" or text; the facility is kept out, as the log has none. */
static int64_t kmsg_write(struct file *file, struct iobuf *from, uint64_t *position)
{
	char text[LOG_LINE_MAX + 2];
	const size_t bytes = from->left < LOG_LINE_MAX ? from->left : LOG_LINE_MAX;
	const int64_t total = from->left;
	int64_t taken = iobuf_take(from, text, bytes);
	unsigned level = LOG_WARNING, number = 0;
	int64_t at = 0;

	(void)file;
	(void)position;
	if (taken <= 0)
		return taken;
	if (text[0] == '<') {
		for (at = 1; at < taken && at < 5 && text[at] >= '0' && text[at] <= '9'; at++)
			number = number * 10 + (text[at] - '0');
		if (at > 1 && at < taken && text[at] == '>') {
			level = number & LEVEL_MASK;
			at++;
		} else {
			at = 0;
		}
	}
	if (text[taken - 1] != '\n')
		text[taken++] = '\n';
	text[taken] = 0;
	print_level(level, "%s", text + at);
	return total;
}

static unsigned kmsg_poll(struct file *file, struct poll_table *table)
{
	poll_wait(table, &readers);
	return log_has_next(file->private) ? POLLIN | POLLRDNORM | POLLOUT : POLLOUT;
}

static int64_t kmsg_seek(struct file *file, int64_t offset, int whence)
{
	struct log_place *place = file->private;

	if (offset)
		return -ESPIPE;
	switch (whence) {
	case SEEK_SET: *place = (struct log_place){0}; return 0;
	case SEEK_DATA: *place = cleared; return 0;
	case SEEK_END: *place = log_end(); return 0;
	default: return -EINVAL;
	}
}

static const struct file_operations kmsg_operations = {
	.open = kmsg_open,
	.release = kmsg_release,
	.read = kmsg_read,
	.write = kmsg_write,
	.poll = kmsg_poll,
	.seek = kmsg_seek,
};

/* --- syslog(2) and /proc/kmsg */
/* Whole lines from place on that fit. */
static int64_t read_lines(struct log_place *place, struct iobuf *to)
{
	struct reading *r = kmalloc(sizeof(*r));
	int64_t done = 0;
	bool lost;

	if (!r)
		return -ENOMEM;
	for (struct log_place next = *place; log_next(&next, &r->line, &lost); *place = next) {
		const size_t length = format_syslog(r);
		int64_t put;

		if (length > to->left)
			break;
		put = iobuf_put(to, r->text, length);
		if (put < 0) {
			done = done ? done : put;
			break;
		}
		done += put;
	}
	kfree(r);
	return done;
}

static int64_t read_unread(struct iobuf *to, bool wait)
{
	int64_t result = 0;

	if (!to->left)
		return 0;
	while (!result) {
		if (!wait && !log_has_next(&unread))
			return -EAGAIN;
		result = wait_until(&readers, log_has_next(&unread));
		if (result)
			return result;
		mutex_lock(&lock);
		result = read_lines(&unread, to);
		if (!result && log_has_next(&unread))
			result = -EINVAL; /* not even one line fits */
		mutex_unlock(&lock);
	}
	return result;
}

/* How many bytes the lines from place on are, and from where on no more than limit are left. */
static int64_t measure(struct log_place from, uint64_t limit, struct log_place *start)
{
	struct reading *r = kmalloc(sizeof(*r));
	struct log_place at = from;
	uint64_t total = 0;
	bool lost;

	if (!r)
		return -ENOMEM;
	while (log_next(&at, &r->line, &lost))
		total += format_syslog(r);
	for (at = from; start && total > limit && log_next(&at, &r->line, &lost);)
		total -= format_syslog(r);
	if (start)
		*start = at;
	kfree(r);
	return total;
}

/* The newest lines that fit. */
static int64_t read_all(struct iobuf *to, bool clear)
{
	struct log_place start;
	int64_t result;

	mutex_lock(&lock);
	result = measure(cleared, to->left, &start);
	if (result >= 0)
		result = read_lines(&start, to);
	if (clear && result >= 0)
		cleared = log_end();
	mutex_unlock(&lock);
	return result;
}

static int64_t set_console_level(int action, int level)
{
	if (action == SYSLOG_CONSOLE_LEVEL && (level < 1 || level > 8))
		return -EINVAL;
	if (action == SYSLOG_CONSOLE_LEVEL) {
		print_console_level = level - 1; /* those below it are shown */
	} else if (action == SYSLOG_CONSOLE_OFF) {
		level_before_off = print_console_level;
		print_console_level = LOG_EMERGENCY;
	} else {
		print_console_level = level_before_off;
	}
	return 0;
}

int64_t sys_syslog(int action, uint64_t buffer_gva, int bytes);
int64_t sys_syslog(int action, uint64_t buffer_gva, int bytes)
{
	struct iobuf to;

	if (action != SYSLOG_READ_ALL && action != SYSLOG_SIZE_BUFFER && !process_is_root())
		return -EPERM;
	if (action >= SYSLOG_READ && action <= SYSLOG_READ_CLEAR) {
		if (bytes < 0 || !buffer_gva)
			return -EINVAL;
		iobuf_init_user(&to, buffer_gva, bytes);
	}
	switch (action) {
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN: return 0;
	case SYSLOG_READ: return read_unread(&to, true);
	case SYSLOG_READ_ALL: return read_all(&to, false);
	case SYSLOG_READ_CLEAR: return read_all(&to, true);
	case SYSLOG_CLEAR: cleared = log_end(); return 0;
	case SYSLOG_CONSOLE_OFF:
	case SYSLOG_CONSOLE_ON:
	case SYSLOG_CONSOLE_LEVEL: return set_console_level(action, bytes);
	case SYSLOG_SIZE_UNREAD: return measure(unread, UINT64_MAX, NULL);
	case SYSLOG_SIZE_BUFFER: return LOG_RING_BYTES;
	default: return -EINVAL;
	}
}

static int64_t proc_read(struct file *file, struct iobuf *to, uint64_t *position)
{
	(void)position;
	return process_is_root() ? read_unread(to, !(file->flags & O_NONBLOCK)) : -EPERM;
}

static unsigned proc_poll(struct file *file, struct poll_table *table)
{
	(void)file;
	poll_wait(table, &readers);
	return log_has_next(&unread) ? POLLIN | POLLRDNORM : 0;
}

const struct file_operations kmsg_proc_operations = {.read = proc_read, .poll = proc_poll};

void kmsg_init(void)
{
	if (machine_has_word("quiet"))
		print_console_level = LOG_WARNING;
	log_set_listener(wake_readers);
	device_register(S_IFCHR, MAJOR_MEMORY, MINOR_KMSG, "kmsg", 0644, &kmsg_operations, NULL);
}
