/* SPDX-License-Identifier: MIT
 *
 * A terminal: what is typed goes through the line discipline (discipline.c) to readers, what is written goes
 * through its output side to the driver. Sessions and job control are in job_control.c.
 *
 *   driver, e.g. in an interrupt --> tty_input() --> lines, signals, echo      tty_read() <-- program
 *                                                       |                      tty_write() <-- program
 *   driver->output() <----------------------------------'------------------------'
 *
 * tty->lock, a spinlock, guards all fields but the last two, which process_lock does. Neither is taken with
 * the other held.
 */
#ifndef GUEST_TTY_TTY_H
#define GUEST_TTY_TTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/arch/spinlock.h"
#include "guest/sched/mutex.h"
#include "guest/sched/wait.h"
#include "guest/tty/termios.h"

struct file;
struct file_operations;
struct process;
struct tty;

struct tty_driver {
	/* Takes bytes as they are, up to count: how many. With tty->lock held, from any context. */
	size_t (*output)(struct tty *tty, const char *bytes, size_t count);
	/* How many it would take now; NULL: always enough. */
	size_t (*room)(struct tty *tty);
	/* Room was made in the input queue, with no lock held. NULL: nobody waits for it. */
	void (*input_taken)(struct tty *tty);
	/* Opens file by /dev/tty, if tty still is the running process's; it may not exist any more otherwise.
	 * NULL: it always does. */
	int (*open_own)(struct tty *tty, struct file *file);
	/* A line that was lost may come back, and an open() waits for it. */
	bool comes_back;
};

#define TTY_INPUT_MAX 4096 /* a power of two */

/* A byte of input, and what it is in a line. */
enum input_mark { INPUT_LINE_END = 0x100, INPUT_END_OF_FILE = 0x200 };

struct tty {
	struct spinlock lock;
	const struct tty_driver *driver;
	void *private;	 /* the driver's */
	char name[16];	 /* in /dev, for procfs */
	uint64_t number; /* dev_t */
	struct termios termios;
	struct window_size window;

	uint16_t *input; /* ring of TTY_INPUT_MAX bytes with marks; positions count on for ever */
	uint32_t head, line,
		tail;	     /* next to fill; start of the line being typed; next to be read */
	bool literal_next;   /* VLNEXT was typed */
	bool output_stopped; /* VSTOP was typed, or TCOOFF */
	bool hung_up;
	unsigned column, line_column; /* of the cursor; and where the line being typed began */
	struct waitq readable, writable;
	struct mutex writing; /* one write() at a time */

	int32_t session, foreground; /* 0: none */
};

/* A new one with the usual settings; NULL: no memory. It lives as long as its driver says. */
struct tty *tty_create(const struct tty_driver *driver, const char *name, uint64_t number);
void tty_free(struct tty *tty);

/* What was typed, or came over the line; from any context. */
void tty_input(struct tty *tty, const char *bytes, size_t count);
/* How many more bytes input has room for. */
size_t tty_input_room(struct tty *tty);

/* The line is gone: readers get end of file, writers -EIO, its session SIGHUP. */
void tty_hang_up(struct tty *tty);
/* There is one again. */
void tty_pick_up(struct tty *tty);

/* The operations of open terminals; file->private is the struct tty. */
extern const struct file_operations tty_operations;

/* --- job_control.c */
/* May the running process, if it is in the background, do what would send it signal? 0, or -ERESTART with the
 * signal on its way, or -EIO. */
int tty_check_background(struct tty *tty, int signal);
/* An open() of a terminal by a session leader without one makes it that session's. */
void tty_open_controlling(struct tty *tty);
/* ioctl()s of job control; -ENOTTY: it is none of them. */
int64_t tty_job_ioctl(struct tty *tty, unsigned command, uint64_t argument);
/* A session leader ends: its terminal is nobody's. */
void tty_leave(struct process *process);
/* Sends a signal to the foreground group. */
void tty_signal(struct tty *tty, int number);
/* SIGHUP and SIGCONT to the session, whose terminal it no longer is. */
void tty_hang_up_session(struct tty *tty);

/* At boot: /dev/console, /dev/tty, /dev/ttyS0 (console_tty.c), and /dev/ptmx (pty.c). */
void tty_init(void);
/* From now on what comes over the line is the terminal's, not the prompt's. */
void tty_take_console(void);
void pty_init(void);

#endif
