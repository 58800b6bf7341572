/* SPDX-License-Identifier: MIT
 *
 * Pseudo-terminals. Each open of /dev/ptmx makes a pair: what is written to the master is typed on the slave,
 * /dev/pts/N, and what the slave shows is read from the master. Closing the master hangs the slave up.
 *
 * A pair lives until the master and all files of the slave are closed.
 */
#include "guest/fs/iobuf.h"
#include "guest/fs/poll.h"
#include "guest/fs/vfs.h"
#include "guest/lib/print.h"
#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"
#include "guest/tty/discipline.h"
#include "guest/tty/tty.h"
#include "guest/tty/tty_ioctl.h"

#define PTY_MAX 64
#define OUTPUT_BYTES 4096 /* a power of two */
#define CHUNK_BYTES 256
enum { PTMX_MAJOR = 5, PTMX_MINOR = 2, SLAVE_MAJOR = 136 };

struct pty {
	struct tty *tty; /* the slave */
	unsigned number;
	char output[OUTPUT_BYTES]; /* ring, under tty->lock; positions count on for ever */
	uint32_t head, tail;
	struct waitq readable, writable; /* the master's */
	unsigned refs;			 /* files of either side */
	unsigned slaves;		 /* files of the slave */
	bool locked;			 /* TIOCSPTLCK: the slave can't be opened yet */
	bool abandoned;			 /* the slave was open and no longer is */
};

static struct mutex lock = MUTEX_FREE(lock); /* of the table, and of all refs and slaves */
static struct pty *table[PTY_MAX];
static struct file_operations slave_operations; /* tty_operations, and release() */

static int open_own(struct tty *tty, struct file *file);

static size_t output_room(struct tty *tty)
{
	const struct pty *pty = tty->private;

	return OUTPUT_BYTES - (pty->head - pty->tail);
}

static size_t output(struct tty *tty, const char *bytes, size_t count)
{
	struct pty *pty = tty->private;
	const size_t room = output_room(tty);

	if (count > room)
		count = room;
	for (size_t i = 0; i < count; i++)
		pty->output[pty->head++ % OUTPUT_BYTES] = bytes[i];
	waitq_wake(&pty->readable);
	return count;
}

static void input_taken(struct tty *tty)
{
	waitq_wake(&((struct pty *)tty->private)->writable);
}

static const struct tty_driver pty_driver = {
	.output = output, .room = output_room, .input_taken = input_taken, .open_own = open_own};

static struct pty *pty_create(unsigned number)
{
	struct pty *pty = kmalloc(sizeof(*pty));
	char name[16];

	if (!pty)
		return NULL;
	print_to(name, sizeof(name), "pts/%u", number);
	pty->tty = tty_create(&pty_driver, name, device_number(SLAVE_MAJOR, number));
	if (!pty->tty) {
		kfree(pty);
		return NULL;
	}
	pty->tty->private = pty;
	pty->number = number;
	pty->refs = 1;
	pty->locked = true;
	waitq_init(&pty->readable);
	waitq_init(&pty->writable);
	return pty;
}

/* Drops a file's reference, with the lock held. */
static void drop(struct pty *pty)
{
	if (--pty->refs)
		return;
	tty_free(pty->tty);
	kfree(pty);
}

/* --- the slave */

/* With the lock held. */
static void count_slave(struct pty *pty)
{
	pty->refs++;
	pty->slaves++;
	pty->abandoned = false;
}

/* The pair may be gone already: who opens has its address from the table of devices, without reference. */
static int slave_open(struct inode *inode, struct file *file)
{
	const struct tty *tty = file->private;
	unsigned number = 0;
	int error = -EIO;

	mutex_lock(&lock);
	while (number < PTY_MAX && (!table[number] || table[number]->tty != tty))
		number++;
	if (number < PTY_MAX && !table[number]->locked)
		error = tty_operations.open(inode, file);
	if (!error)
		count_slave(table[number]);
	mutex_unlock(&lock);
	return error;
}

/* /dev/tty. As long as a process has it as its terminal, the master holds it, and waits for the lock. */
static int open_own(struct tty *tty, struct file *file)
{
	int error = 0;

	mutex_lock(&lock);
	if (process_this()->tty == tty) {
		count_slave(tty->private);
		file->private = tty;
		file->operations = &slave_operations;
	} else {
		error = -ENXIO;
	}
	mutex_unlock(&lock);
	return error;
}

static void slave_release(struct file *file)
{
	struct pty *pty = ((struct tty *)file->private)->private;

	mutex_lock(&lock);
	if (!--pty->slaves) {
		pty->abandoned = true;
		waitq_wake(&pty->readable);
	}
	drop(pty);
	mutex_unlock(&lock);
}

/* --- the master */

static int master_open(struct inode *inode, struct file *file)
{
	unsigned number = 0;
	struct pty *pty = NULL;
	int error = -ENOSPC;

	(void)inode;
	mutex_lock(&lock);
	while (number < PTY_MAX && table[number])
		number++;
	if (number < PTY_MAX) {
		pty = pty_create(number);
		error = !pty ? -ENOMEM
			     : device_register(S_IFCHR, SLAVE_MAJOR, number, pty->tty->name, 0620,
					       &slave_operations, pty->tty);
		if (!error)
			table[number] = file->private = pty;
		else if (pty)
			drop(pty);
	}
	mutex_unlock(&lock);
	return error;
}

static void master_release(struct file *file)
{
	struct pty *pty = file->private;

	tty_hang_up(pty->tty);
	device_unregister(S_IFCHR, SLAVE_MAJOR, pty->number, pty->tty->name);
	mutex_lock(&lock);
	table[pty->number] = NULL;
	drop(pty);
	mutex_unlock(&lock);
}

static size_t take_output(struct pty *pty, char *to, size_t count)
{
	const uint64_t flags = spin_lock(&pty->tty->lock);
	size_t done = 0;

	while (done < count && pty->tail != pty->head)
		to[done++] = pty->output[pty->tail++ % OUTPUT_BYTES];
	spin_unlock(&pty->tty->lock, flags);
	return done;
}

static int64_t master_read(struct file *file, struct iobuf *to, uint64_t *position)
{
	struct pty *pty = file->private;
	char chunk[CHUNK_BYTES];
	int64_t done = 0;

	(void)position;
	if (pty->head == pty->tail && to->left) {
		int error;

		if (file->flags & O_NONBLOCK)
			return pty->abandoned ? -EIO : -EAGAIN;
		error = wait_until(&pty->readable, pty->head != pty->tail || pty->abandoned);
		if (error)
			return error;
		if (pty->head == pty->tail)
			return -EIO;
	}
	while (to->left) {
		const size_t got = take_output(pty, chunk,
					       to->left < CHUNK_BYTES ? to->left : CHUNK_BYTES);
		const int64_t put = got ? iobuf_put(to, chunk, got) : 0;

		if (put < 0)
			return done ? done : put;
		if (!got)
			break;
		done += put;
	}
	waitq_wake(&pty->tty->writable);
	return done;
}

/* In canonical mode a line that is too long loses its end; so writers wait only for readers that can read. */
static bool takes_input(struct pty *pty)
{
	return tty_input_room(pty->tty) || !discipline_available(pty->tty);
}

static int64_t master_write(struct file *file, struct iobuf *from, uint64_t *position)
{
	struct pty *pty = file->private;
	char chunk[CHUNK_BYTES];
	int64_t done = 0;

	(void)position;
	while (from->left) {
		size_t part = tty_input_room(pty->tty);
		int64_t got;
		int error;

		if (!takes_input(pty)) {
			if (file->flags & O_NONBLOCK)
				return done ? done : -EAGAIN;
			error = wait_until(&pty->writable, takes_input(pty));
			if (error)
				return done ? done : error;
			continue;
		}
		if (!part || part > CHUNK_BYTES)
			part = CHUNK_BYTES;
		got = iobuf_take(from, chunk, from->left < part ? from->left : part);
		if (got <= 0)
			return done ? done : got;
		tty_input(pty->tty, chunk, (size_t)got);
		done += got;
	}
	return done;
}

static unsigned master_poll(struct file *file, struct poll_table *table_of_waits)
{
	struct pty *pty = file->private;
	unsigned events = 0;

	poll_wait(table_of_waits, &pty->readable);
	poll_wait(table_of_waits, &pty->writable);
	if (pty->head != pty->tail)
		events |= POLLIN | POLLRDNORM;
	if (pty->abandoned)
		events |= POLLHUP;
	if (takes_input(pty))
		events |= POLLOUT | POLLWRNORM;
	return events;
}

static int64_t master_ioctl(struct file *file, unsigned command, uint64_t argument)
{
	struct pty *pty = file->private;
	int32_t value;

	switch (command) {
	case TIOCGPTN: value = (int32_t)pty->number; break;
	case TIOCGPTLCK: value = pty->locked; break;
	case TIOCGPGRP: value = pty->tty->foreground; break;
	case FIONREAD: value = (int32_t)(pty->head - pty->tail); break;
	case TIOCSPTLCK:
		if (user_read(&value, argument, sizeof(value)))
			return -EFAULT;
		pty->locked = value;
		return 0;
	default: return tty_settings_ioctl(pty->tty, command, argument);
	}
	return user_write(argument, &value, sizeof(value)) ? -EFAULT : 0;
}

static const struct file_operations master_operations = {
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.open = master_open,
	.release = master_release,
};

void pty_init(void)
{
	slave_operations = tty_operations;
	slave_operations.open = slave_open;
	slave_operations.release = slave_release;
	device_register(S_IFCHR, PTMX_MAJOR, PTMX_MINOR, "ptmx", 0666, &master_operations, NULL);
}
