/* SPDX-License-Identifier: MIT
 *
 * A ring of bytes over pages that come with the first write to them. An empty pipe starts over at its
 * first page, so that small messages stay in one.
 */
#include "guest/fs/pipe.h"

#include "guest/fs/iobuf.h"
#include "guest/fs/poll.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

#define PAGES (PIPE_BYTES / PAGE_BYTES)
#define FIONREAD 0x541b

struct pipe {
	struct mutex lock;
	struct page *pages[PAGES];
	uint64_t read_at, written_at; /* bytes ever since it was last empty */
	unsigned readers, writers;
	unsigned opens_to_read, opens_to_write; /* ever, for open() of a FIFO */
	struct waitq readable, writable, opened;
};

static struct pipe *create(void)
{
	struct pipe *pipe = kmalloc(sizeof(*pipe));

	if (!pipe)
		return NULL;
	mutex_init(&pipe->lock);
	waitq_init(&pipe->readable);
	waitq_init(&pipe->writable);
	waitq_init(&pipe->opened);
	return pipe;
}

static void destroy(struct pipe *pipe)
{
	for (unsigned i = 0; i < PAGES; i++)
		if (pipe->pages[i])
			page_put(pipe->pages[i]);
	kfree(pipe);
}

static size_t filled(const struct pipe *pipe)
{
	return pipe->written_at - pipe->read_at;
}

static bool reads(const struct file *file)
{
	return (file->flags & O_ACCMODE) != O_WRONLY;
}

static bool writes(const struct file *file)
{
	return (file->flags & O_ACCMODE) != O_RDONLY;
}

/* Bytes in a row in one page at a position, at most max. */
static size_t in_page(uint64_t at, size_t max)
{
	const size_t room = PAGE_BYTES - at % PAGE_BYTES;

	return room < max ? room : max;
}

static int64_t take_out(struct pipe *pipe, struct iobuf *to)
{
	int64_t total = 0;

	while (to->left && filled(pipe)) {
		const uint64_t at = pipe->read_at % PIPE_BYTES;
		const int64_t done = iobuf_put(
			to, (char *)page_data(pipe->pages[at / PAGE_BYTES]) + at % PAGE_BYTES,
			in_page(at, filled(pipe)));

		if (done <= 0)
			return total ? total : done;
		pipe->read_at += (uint64_t)done;
		total += done;
	}
	if (!filled(pipe))
		pipe->read_at = pipe->written_at = 0;
	return total;
}

static int64_t put_in(struct pipe *pipe, struct iobuf *from)
{
	int64_t total = 0;

	while (from->left && filled(pipe) < PIPE_BYTES) {
		const uint64_t at = pipe->written_at % PIPE_BYTES;
		struct page **page = &pipe->pages[at / PAGE_BYTES];
		int64_t done;

		if (!*page)
			*page = page_alloc(0, 0);
		if (!*page)
			return total ? total : -ENOMEM;
		done = iobuf_take(from, (char *)page_data(*page) + at % PAGE_BYTES,
				  in_page(at, PIPE_BYTES - filled(pipe)));
		if (done <= 0)
			return total ? total : done;
		pipe->written_at += (uint64_t)done;
		total += done;
	}
	return total;
}

static int64_t read_pipe(struct file *file, struct iobuf *to, uint64_t *position)
{
	struct pipe *pipe = file->private;
	int64_t done = 0;
	int error;

	(void)position;
	if (!to->left)
		return 0;
	mutex_lock(&pipe->lock);
	while (!filled(pipe)) {
		const bool ended = !pipe->writers;

		mutex_unlock(&pipe->lock);
		if (ended)
			return 0;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		error = wait_until(&pipe->readable, filled(pipe) || !pipe->writers);
		if (error)
			return error;
		mutex_lock(&pipe->lock);
	}
	done = take_out(pipe, to);
	mutex_unlock(&pipe->lock);
	if (done > 0)
		waitq_wake(&pipe->writable);
	return done;
}

static int broken(void)
{
	signal_send_number(process_this(), SIGPIPE);
	return -EPIPE;
}

static bool has_room(const struct pipe *pipe, size_t bytes)
{
	return PIPE_BYTES - filled(pipe) >= bytes || !pipe->readers;
}

static int64_t write_pipe(struct file *file, struct iobuf *from, uint64_t *position)
{
	struct pipe *pipe = file->private;
	int64_t total = 0;

	(void)position;
	while (from->left) {
		/* Small ones all at once. */
		const size_t need = from->left <= PIPE_ATOMIC_BYTES && !total ? from->left : 1;
		int64_t done = -EAGAIN;

		mutex_lock(&pipe->lock);
		if (!pipe->readers)
			done = -EPIPE;
		else if (has_room(pipe, need))
			done = put_in(pipe, from);
		mutex_unlock(&pipe->lock);
		if (done > 0) {
			total += done;
			waitq_wake(&pipe->readable);
			continue;
		}
		if (done == -EAGAIN && !(file->flags & O_NONBLOCK)) {
			done = wait_until(&pipe->writable, has_room(pipe, need));
			if (!done)
				continue;
		}
		if (total)
			break;
		return done == -EPIPE ? broken() : done;
	}
	return total;
}

static unsigned poll_pipe(struct file *file, struct poll_table *table)
{
	struct pipe *pipe = file->private;
	unsigned events = 0;

	if (reads(file)) {
		poll_wait(table, &pipe->readable);
		events |= (filled(pipe) ? POLLIN | POLLRDNORM : 0) |
			  (!pipe->writers && pipe->opens_to_write ? POLLHUP : 0);
	}
	if (writes(file)) {
		poll_wait(table, &pipe->writable);
		events |= (has_room(pipe, PIPE_ATOMIC_BYTES) ? POLLOUT | POLLWRNORM : 0) |
			  (!pipe->readers ? POLLERR : 0);
	}
	return events;
}

static int64_t ioctl_pipe(struct file *file, unsigned command, uint64_t argument)
{
	const int32_t bytes = (int32_t)filled(file->private);

	return command == FIONREAD ? user_write(argument, &bytes, sizeof(bytes)) : -ENOTTY;
}

static void count_end(struct pipe *pipe, const struct file *file, int change)
{
	if (reads(file))
		pipe->readers += (unsigned)change;
	if (writes(file))
		pipe->writers += (unsigned)change;
	if (change > 0) {
		pipe->opens_to_read += reads(file);
		pipe->opens_to_write += writes(file);
	}
}

static void release_pipe(struct file *file)
{
	struct pipe *pipe = file->private;
	struct inode *inode = file->inode;
	bool is_last;

	mutex_lock(&inode->lock); /* so that an open() of this FIFO finds it whole, or not at all */
	mutex_lock(&pipe->lock);
	count_end(pipe, file, -1);
	is_last = !pipe->readers && !pipe->writers;
	if (is_last)
		inode->bound = NULL;
	/* With the lock: without it another one may be the last, and destroy the pipe. */
	waitq_wake(&pipe->readable);
	waitq_wake(&pipe->writable);
	mutex_unlock(&pipe->lock);
	mutex_unlock(&inode->lock);
	if (is_last)
		destroy(pipe);
}

static const struct file_operations pipe_operations = {
	.read = read_pipe,
	.write = write_pipe,
	.poll = poll_pipe,
	.ioctl = ioctl_pipe,
	.release = release_pipe,
};

bool pipe_is(const struct file *file)
{
	return file->operations == &pipe_operations || file->operations == &fifo_operations;
}

static int open_end(struct pipe *pipe, struct inode *inode, unsigned flags, struct file **file)
{
	int error = file_create(&pipe_operations, inode_get(inode), flags, file);

	if (error) {
		inode_put(inode);
		return error;
	}
	(*file)->private = pipe;
	(*file)->label = "pipe";
	count_end(pipe, *file, 1);
	return 0;
}

int pipe_create(unsigned flags, struct file **reader, struct file **writer)
{
	struct pipe *pipe = create();
	struct inode *inode = pipe ? inode_nameless(S_IFIFO | 0600) : NULL;
	int error = -ENOMEM;

	if (inode)
		error = open_end(pipe, inode, flags | O_RDONLY, reader);
	if (error) {
		kfree(pipe);
	} else {
		error = open_end(pipe, inode, flags | O_WRONLY, writer);
		if (error)
			file_put(*reader);
	}
	if (inode)
		inode_put(inode);
	return error;
}

/* Waits for the other side, as POSIX's open() has it. The counters make sure that one who came and went
 * counts as well. */
static int wait_for_other_side(struct pipe *pipe, const struct file *file, unsigned readers_before,
			       unsigned writers_before)
{
	if (reads(file) && writes(file))
		return 0;
	if (reads(file))
		return file->flags & O_NONBLOCK || pipe->writers
			       ? 0
			       : wait_until(&pipe->opened, pipe->opens_to_write != writers_before);
	return pipe->readers ? 0 : wait_until(&pipe->opened, pipe->opens_to_read != readers_before);
}

static int open_fifo(struct inode *inode, struct file *file)
{
	struct pipe *pipe;
	int error = 0;

	mutex_lock(&inode->lock);
	pipe = inode->bound;
	if (!reads(file) && (file->flags & O_NONBLOCK) && (!pipe || !pipe->readers))
		error = -ENXIO;
	else if (!pipe)
		pipe = inode->bound = create();
	if (!error && !pipe)
		error = -ENOMEM;
	if (error) {
		mutex_unlock(&inode->lock);
		return error;
	}
	const unsigned readers_before = pipe->opens_to_read, writers_before = pipe->opens_to_write;

	file->private = pipe;
	mutex_lock(&pipe->lock);
	count_end(pipe, file, 1);
	mutex_unlock(&pipe->lock);
	mutex_unlock(&inode->lock);
	waitq_wake(&pipe->opened);
	waitq_wake(&pipe->writable);
	error = wait_for_other_side(pipe, file, readers_before, writers_before);
	if (error)
		release_pipe(file);
	return error;
}

const struct file_operations fifo_operations = {
	.open = open_fifo,
	.read = read_pipe,
	.write = write_pipe,
	.poll = poll_pipe,
	.ioctl = ioctl_pipe,
	.release = release_pipe,
};
