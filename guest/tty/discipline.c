/* SPDX-License-Identifier: MIT
 *
 * Input side: special characters, editing of the line being typed, and its echo.
 */
#include "guest/tty/discipline.h"

#include "guest/proc/signal.h"
#include "guest/tty/tty.h"

#define DELETE 0x7f
#define DISABLED 0 /* _POSIX_VDISABLE */
#define TAB_COLUMNS 8

static bool has_local(const struct tty *tty, uint32_t mode)
{
	return tty->termios.local & mode;
}

static bool is_special(const struct tty *tty, uint8_t c, enum control_character which)
{
	return c != DISABLED && c == tty->termios.character[which];
}

static uint16_t *cell(struct tty *tty, uint32_t position)
{
	return &tty->input[position % TTY_INPUT_MAX];
}

static bool is_control(uint8_t c)
{
	return c < ' ' || c == DELETE;
}

static bool is_utf8_continuation(const struct tty *tty, uint8_t c)
{
	return (tty->termios.input & IUTF8) && (c & 0xc0) == 0x80;
}

static void show(struct tty *tty, const char *bytes, size_t count)
{
	discipline_show(tty, bytes, count);
}

/* Control characters show as ^X, but for those that move the cursor as they should. */
static void echo(struct tty *tty, uint8_t c)
{
	const char shown[2] = {'^', (char)(c ^ 0x40)};

	if (is_control(c) && c != '\t' && c != '\n' && has_local(tty, ECHOCTL))
		show(tty, shown, sizeof(shown));
	else
		show(tty, (const char *)&c, 1);
}

static void echo_typed(struct tty *tty, uint8_t c)
{
	if (has_local(tty, ECHO) || (c == '\n' && has_local(tty, ECHONL) && has_local(tty, ICANON)))
		echo(tty, c);
}

/* The cursor's column behind c. */
static unsigned column_after(const struct tty *tty, unsigned column, uint8_t c)
{
	if (c == '\t')
		return column + TAB_COLUMNS - column % TAB_COLUMNS;
	if (is_control(c))
		return column + (has_local(tty, ECHOCTL) ? 2 : 0);
	return column + !is_utf8_continuation(tty, c);
}

static unsigned column_at(struct tty *tty, uint32_t position)
{
	unsigned column = tty->line_column;

	for (uint32_t at = tty->line; at != position; at++)
		column = column_after(tty, column, (uint8_t)*cell(tty, at));
	return column;
}

/* Where the last character of the line being typed begins: it may be of several bytes. */
static uint32_t last_character(struct tty *tty)
{
	uint32_t position = tty->head;

	do
		position--;
	while (position != tty->line && is_utf8_continuation(tty, (uint8_t)*cell(tty, position)));
	return position;
}

static void rub_out(struct tty *tty, unsigned from_column, unsigned to_column)
{
	while (from_column-- > to_column)
		show(tty, "\b \b", 3);
}

/* Erases back to position. The columns are counted before, as they depend on what stands there. */
static void erase_to(struct tty *tty, uint32_t position)
{
	const unsigned from = column_at(tty, tty->head);

	tty->head = position;
	if (!has_local(tty, ECHO))
		return;
	if (has_local(tty, ECHOE))
		rub_out(tty, from, column_at(tty, position));
	else
		echo(tty, tty->termios.character[VERASE]);
}

static bool is_word_byte(uint8_t c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
	       c >= 0x80;
}

/* VWERASE: what isn't a word's, then the word. */
static void erase_word(struct tty *tty)
{
	uint32_t position = tty->head;

	while (position != tty->line && !is_word_byte((uint8_t)*cell(tty, position - 1)))
		position--;
	while (position != tty->line && is_word_byte((uint8_t)*cell(tty, position - 1)))
		position--;
	if (position != tty->head)
		erase_to(tty, position);
}

static void erase_line(struct tty *tty)
{
	if (has_local(tty, ECHOKE) && has_local(tty, ECHOE)) {
		erase_to(tty, tty->line);
		return;
	}
	tty->head = tty->line;
	if (!has_local(tty, ECHO))
		return;
	echo(tty, tty->termios.character[VKILL]);
	if (has_local(tty, ECHOK))
		echo(tty, '\n');
}

static void reprint(struct tty *tty)
{
	echo(tty, tty->termios.character[VREPRINT]);
	echo(tty, '\n');
	tty->line_column = 0;
	for (uint32_t at = tty->line; at != tty->head; at++)
		echo(tty, (uint8_t)*cell(tty, at));
}

/* One cell is kept for the end of the line, so that a line that is too long can still be ended. */
static bool insert(struct tty *tty, uint16_t value)
{
	const uint32_t used = tty->head - tty->tail;

	if (used >= TTY_INPUT_MAX - !(value & INPUT_LINE_END)) {
		show(tty, "\a", 1);
		return false;
	}
	*cell(tty, tty->head++) = value;
	return true;
}

static void end_line(struct tty *tty, uint16_t value)
{
	if (insert(tty, value | INPUT_LINE_END))
		tty->line = tty->head;
}

static void insert_literal(struct tty *tty, uint8_t c)
{
	if (tty->head == tty->line)
		tty->line_column = tty->column;
	echo_typed(tty, c);
	insert(tty, c);
	if (!has_local(tty, ICANON))
		tty->line = tty->head;
}

/* Canonical mode. Whether c had a meaning. */
static bool edit(struct tty *tty, uint8_t c)
{
	const bool extended = has_local(tty, IEXTEN);

	if (is_special(tty, c, VERASE)) {
		if (tty->head != tty->line)
			erase_to(tty, last_character(tty));
	} else if (is_special(tty, c, VKILL))
		erase_line(tty);
	else if (extended && is_special(tty, c, VWERASE))
		erase_word(tty);
	else if (extended && is_special(tty, c, VREPRINT) && has_local(tty, ECHO))
		reprint(tty);
	else if (is_special(tty, c, VEOF))
		end_line(tty, INPUT_END_OF_FILE);
	else if (c == '\n' || is_special(tty, c, VEOL) || (extended && is_special(tty, c, VEOL2))) {
		echo_typed(tty, c);
		end_line(tty, c);
	} else
		return false;
	return true;
}

static int signal_of(const struct tty *tty, uint8_t c)
{
	if (!has_local(tty, ISIG))
		return 0;
	return is_special(tty, c, VINTR)   ? SIGINT
	       : is_special(tty, c, VQUIT) ? SIGQUIT
	       : is_special(tty, c, VSUSP) ? SIGTSTP
					   : 0;
}

/* IXON. Whether c was about stopping output. */
static bool control_flow(struct tty *tty, uint8_t c)
{
	if (!(tty->termios.input & IXON))
		return false;
	if (is_special(tty, c, VSTOP)) {
		tty->output_stopped = true;
		return true;
	}
	if (is_special(tty, c, VSTART) || (tty->output_stopped && (tty->termios.input & IXANY)))
		tty->output_stopped = false;
	return is_special(tty, c, VSTART);
}

/* -1: dropped. */
static int map_input(const struct tty *tty, uint8_t c)
{
	const uint32_t modes = tty->termios.input;

	if (modes & ISTRIP)
		c &= 0x7f;
	if (c == '\r')
		return modes & IGNCR ? -1 : modes & ICRNL ? '\n' : c;
	return c == '\n' && (modes & INLCR) ? '\r' : c;
}

int discipline_type(struct tty *tty, char typed)
{
	const int mapped = map_input(tty, (uint8_t)typed);
	const uint8_t c = (uint8_t)mapped;
	int number;

	if (tty->literal_next) {
		tty->literal_next = false;
		insert_literal(tty, (uint8_t)typed);
		return 0;
	}
	if (mapped < 0 || control_flow(tty, c))
		return 0;
	number = signal_of(tty, c);
	if (number) {
		if (!has_local(tty, NOFLSH))
			discipline_flush_input(tty);
		if (has_local(tty, ECHO))
			echo(tty, c);
		return number;
	}
	if (has_local(tty, ICANON)) {
		if (edit(tty, c))
			return 0;
		if (has_local(tty, IEXTEN) && is_special(tty, c, VLNEXT)) {
			tty->literal_next = true;
			if (has_local(tty, ECHO) && has_local(tty, ECHOCTL))
				show(tty, "^\b", 2);
			return 0;
		}
	}
	insert_literal(tty, c);
	return 0;
}

size_t discipline_available(const struct tty *tty)
{
	return tty->line - tty->tail;
}

bool discipline_has_input(const struct tty *tty, unsigned wanted)
{
	return discipline_available(tty) >= (has_local(tty, ICANON) || !wanted ? 1 : wanted);
}

size_t discipline_read(struct tty *tty, char *to, size_t count, bool *end)
{
	size_t done = 0;

	*end = false;
	while (done < count && tty->tail != tty->line) {
		const uint16_t value = *cell(tty, tty->tail++);

		if (!(value & INPUT_END_OF_FILE))
			to[done++] = (char)value;
		if ((value & INPUT_LINE_END) && has_local(tty, ICANON)) {
			*end = true;
			return done;
		}
	}
	/* A VEOF right behind a full buffer ends this read, not the next one. */
	if (done && done == count && has_local(tty, ICANON) && tty->tail != tty->line &&
	    (*cell(tty, tty->tail) & INPUT_END_OF_FILE)) {
		tty->tail++;
		*end = true;
	}
	return done;
}

void discipline_flush_input(struct tty *tty)
{
	tty->tail = tty->line = tty->head;
	tty->line_column = tty->column;
	tty->literal_next = false;
}

void discipline_settings_changed(struct tty *tty, uint32_t old_local)
{
	if ((old_local & ~tty->termios.local) & ICANON)
		tty->line = tty->head;
	tty->literal_next = false;
	if (!(tty->termios.input & IXON))
		tty->output_stopped = false;
}
