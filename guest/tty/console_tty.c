/* SPDX-License-Identifier: MIT
 *
 * The machine's console as a terminal: /dev/console (nobody's controlling terminal, as init opens it first)
 * and /dev/ttyS0 are the same; and /dev/tty, which is whichever the process has.
 */
#include "guest/drivers/console.h"
#include "guest/drivers/serial.h"
#include "guest/fs/vfs.h"
#include "guest/lib/panic.h"
#include "guest/proc/process.h"
#include "guest/tty/tty.h"

enum { TTYAUX_MAJOR = 5, SERIAL_MAJOR = 4, SERIAL_MINOR = 64 };

static struct tty *console;

static size_t output(struct tty *tty, const char *bytes, size_t count)
{
	(void)tty;
	console_write_raw(bytes, count);
	return count;
}

static const struct tty_driver console_driver = {.output = output, .comes_back = true};

static void received(const char *bytes, size_t count)
{
	tty_input(console, bytes, count);
}

static void carrier_changed(bool there)
{
	if (there)
		tty_pick_up(console);
	else if (!(console->termios.control & CLOCAL))
		tty_hang_up(console);
}

static int open_console(struct inode *inode, struct file *file)
{
	(void)inode;
	file->operations = &tty_operations;
	return 0;
}

static int open_own(struct inode *inode, struct file *file)
{
	const uint64_t flags = spin_lock(&process_lock); /* under which a hang-up takes it away */
	struct tty *tty = process_this()->tty;
	const struct tty_driver *driver = tty ? tty->driver : NULL;

	spin_unlock(&process_lock, flags);
	(void)inode;
	if (!tty)
		return -ENXIO;
	if (driver->open_own)
		return driver->open_own(tty, file);
	file->private = tty;
	file->operations = &tty_operations;
	return 0;
}

static const struct file_operations console_operations = {.open = open_console};
static const struct file_operations own_operations = {.open = open_own};

void tty_init(void)
{
	console = tty_create(&console_driver, "ttyS0", device_number(SERIAL_MAJOR, SERIAL_MINOR));
	if (!console)
		panic("no memory for the console's terminal");
	device_register(S_IFCHR, TTYAUX_MAJOR, 0, "tty", 0666, &own_operations, NULL);
	device_register(S_IFCHR, TTYAUX_MAJOR, 1, "console", 0600, &console_operations, console);
	device_register(S_IFCHR, SERIAL_MAJOR, SERIAL_MINOR, "ttyS0", 0620, &tty_operations,
			console);
	pty_init();
}

void tty_take_console(void)
{
	serial_on_input(received, carrier_changed);
}
