/* SPDX-License-Identifier: MIT
 *
 * Terminals: typing, reading, writing, waiting.
 */
#include "guest/tty/tty.h"

#include "guest/fs/iobuf.h"
#include "guest/fs/poll.h"
#include "guest/fs/vfs.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/proc/process.h"
#include "guest/time/clock.h"
#include "guest/tty/discipline.h"
#include "guest/tty/tty_ioctl.h"

#define CHUNK_BYTES 256
#define DECISECOND_NS 100000000ull
#define ROOM_MIN 16 /* for whatever one byte becomes */
#define CTRL(letter) ((letter)&0x1f)

static const struct termios usual = {
	.input = ICRNL | IXON | IUTF8,
	.output = OPOST | ONLCR,
	.control = B115200 | CS8 | CREAD | HUPCL,
	.local = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.character = {[VINTR] = CTRL('C'),
		      [VQUIT] = CTRL('\\'),
		      [VERASE] = 0x7f,
		      [VKILL] = CTRL('U'),
		      [VEOF] = CTRL('D'),
		      [VMIN] = 1,
		      [VSTART] = CTRL('Q'),
		      [VSTOP] = CTRL('S'),
		      [VSUSP] = CTRL('Z'),
		      [VREPRINT] = CTRL('R'),
		      [VDISCARD] = CTRL('O'),
		      [VWERASE] = CTRL('W'),
		      [VLNEXT] = CTRL('V')},
};

struct tty *tty_create(const struct tty_driver *driver, const char *name, uint64_t number)
{
	struct tty *tty = kmalloc(sizeof(*tty));

	if (!tty)
		return NULL;
	tty->input = kmalloc(TTY_INPUT_MAX * sizeof(tty->input[0]));
	if (!tty->input) {
		kfree(tty);
		return NULL;
	}
	tty->driver = driver;
	tty->number = number;
	tty->termios = usual;
	print_to(tty->name, sizeof(tty->name), "%s", name);
	waitq_init(&tty->readable);
	waitq_init(&tty->writable);
	mutex_init(&tty->writing);
	return tty;
}

void tty_free(struct tty *tty)
{
	kfree(tty->input);
	kfree(tty);
}

void tty_input(struct tty *tty, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count;) {
		uint64_t flags = spin_lock(&tty->lock);
		int number = 0;

		while (i < count && !number)
			number = discipline_type(tty, bytes[i++]);
		spin_unlock(&tty->lock, flags);
		if (number)
			tty_signal(tty, number);
	}
	waitq_wake(&tty->readable);
	waitq_wake(&tty->writable);
}

size_t tty_input_room(struct tty *tty)
{
	return TTY_INPUT_MAX - 1 - (tty->head - tty->tail);
}

void tty_hang_up(struct tty *tty)
{
	const uint64_t flags = spin_lock(&tty->lock);

	tty->hung_up = true;
	discipline_flush_input(tty);
	spin_unlock(&tty->lock, flags);
	waitq_wake(&tty->readable);
	waitq_wake(&tty->writable);
	tty_hang_up_session(tty);
}

void tty_pick_up(struct tty *tty)
{
	if (!tty->hung_up)
		return;
	tty->hung_up = false;
	waitq_wake(&tty->readable);
}

/* --- reading */

/* What a read() of count bytes waits for. */
struct patience {
	size_t wanted;
	uint64_t first_ns,
		next_ns; /* for the first byte, for each other one; WAIT_FOREVER: for ever */
};

static struct patience patience_of(const struct tty *tty, size_t count)
{
	const uint64_t time_ns = tty->termios.character[VTIME] * DECISECOND_NS;
	const size_t least = tty->termios.character[VMIN];

	if (tty->termios.local & ICANON)
		return (struct patience){1, WAIT_FOREVER, WAIT_FOREVER};
	if (!least)
		return (struct patience){1, time_ns, time_ns};
	return (struct patience){least < count ? least : count, WAIT_FOREVER,
				 time_ns ? time_ns : WAIT_FOREVER};
}

/* 0: read what there is, perhaps nothing. */
static int wait_for_input(struct tty *tty, size_t count, bool must_not_wait)
{
	const struct patience patience = patience_of(tty, count);

	for (;;) {
		const size_t available = discipline_available(tty);
		const uint64_t ns = available ? patience.next_ns : patience.first_ns;
		const uint64_t deadline = ns == WAIT_FOREVER ? WAIT_FOREVER : clock_ns() + ns;
		int error;

		if (available >= patience.wanted || tty->hung_up || !ns)
			return 0;
		if (must_not_wait)
			return available ? 0 : -EAGAIN;
		error = wait_until_deadline(&tty->readable,
					    discipline_available(tty) != available || tty->hung_up,
					    deadline);
		if (error)
			return available || error == -ETIMEDOUT ? 0 : error;
	}
}

static size_t take(struct tty *tty, char *to, size_t count, bool *end)
{
	const uint64_t flags = spin_lock(&tty->lock);
	const size_t got = discipline_read(tty, to, count, end);

	spin_unlock(&tty->lock, flags);
	return got;
}

static int64_t tty_read(struct file *file, struct iobuf *to, uint64_t *position)
{
	struct tty *tty = file->private;
	char chunk[CHUNK_BYTES];
	int64_t done = 0;
	bool end = false;
	int error = tty_check_background(tty, SIGTTIN);

	(void)position;
	if (!error && to->left)
		error = wait_for_input(tty, to->left, file->flags & O_NONBLOCK);
	if (error)
		return error;
	while (to->left && !end) {
		const size_t got = take(tty, chunk, to->left < CHUNK_BYTES ? to->left : CHUNK_BYTES,
					&end);
		const int64_t put = got ? iobuf_put(to, chunk, got) : 0;

		if (put < 0)
			return done ? done : put;
		if (!got)
			break;
		done += put;
	}
	if (tty->driver->input_taken)
		tty->driver->input_taken(tty);
	return done;
}

/* --- writing */

static bool has_room(struct tty *tty)
{
	return !tty->output_stopped && (!tty->driver->room || tty->driver->room(tty) >= ROOM_MIN);
}

static size_t show(struct tty *tty, const char *bytes, size_t count)
{
	const uint64_t flags = spin_lock(&tty->lock);
	const size_t shown = tty->output_stopped ? 0 : discipline_show(tty, bytes, count);

	spin_unlock(&tty->lock, flags);
	return shown;
}

/* All of bytes, waiting for room; or -errno, and *done tells how far it came. */
static int show_all(struct tty *tty, const char *bytes, size_t count, bool must_not_wait,
		    size_t *done)
{
	*done = 0;
	for (;;) {
		int error;

		if (tty->hung_up)
			return -EIO;
		*done += show(tty, bytes + *done, count - *done);
		if (*done == count)
			return 0;
		if (must_not_wait)
			return -EAGAIN;
		error = wait_until(&tty->writable, has_room(tty) || tty->hung_up);
		if (error)
			return error;
	}
}

static int64_t write_all(struct file *file, struct iobuf *from)
{
	struct tty *tty = file->private;
	char chunk[CHUNK_BYTES];
	int64_t done = 0;

	while (from->left) {
		const int64_t got = iobuf_take(from, chunk,
					       from->left < CHUNK_BYTES ? from->left : CHUNK_BYTES);
		size_t shown;
		int error;

		if (got <= 0)
			return done ? done : got;
		error = show_all(tty, chunk, (size_t)got, file->flags & O_NONBLOCK, &shown);
		done += (int64_t)shown;
		if (error)
			return done ? done : error;
	}
	return done;
}

static int64_t tty_write(struct file *file, struct iobuf *from, uint64_t *position)
{
	struct tty *tty = file->private;
	int64_t done = 0;

	(void)position;
	if (tty->termios.local & TOSTOP)
		done = tty_check_background(tty, SIGTTOU);
	if (done)
		return done;
	mutex_lock(&tty->writing);
	done = write_all(file, from);
	mutex_unlock(&tty->writing);
	return done;
}

static unsigned tty_poll(struct file *file, struct poll_table *table)
{
	struct tty *tty = file->private;
	unsigned events = 0;

	poll_wait(table, &tty->readable);
	poll_wait(table, &tty->writable);
	if (tty->hung_up)
		return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLHUP | POLLERR;
	if (discipline_has_input(tty,
				 tty->termios.character[VTIME] ? 1 : tty->termios.character[VMIN]))
		events |= POLLIN | POLLRDNORM;
	if (has_room(tty))
		events |= POLLOUT | POLLWRNORM;
	return events;
}

static int tty_open(struct inode *inode, struct file *file)
{
	struct tty *tty = file->private;

	(void)inode;
	if (tty->hung_up && !tty->driver->comes_back)
		return -EIO;
	if (tty->hung_up && !(file->flags & O_NONBLOCK) && !(tty->termios.control & CLOCAL)) {
		const int error = wait_until(&tty->readable, !tty->hung_up);

		if (error)
			return error;
	}
	tty_pick_up(tty);
	if (!(file->flags & O_NOCTTY))
		tty_open_controlling(tty);
	return 0;
}

const struct file_operations tty_operations = {
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.open = tty_open,
};
