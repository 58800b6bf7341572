/* SPDX-License-Identifier: MIT
 *
 * Output side of the line discipline: new lines, tabs, and where the cursor is.
 */
#include "guest/lib/string.h"
#include "guest/tty/discipline.h"
#include "guest/tty/tty.h"

#define TAB_COLUMNS 8
#define CHUNK_BYTES 256
#define EXPANSION_MAX TAB_COLUMNS /* bytes that one may become */

/* What c becomes, into out: its length; and where the cursor is then. */
static size_t expand(const struct tty *tty, char c, char *out, unsigned *column)
{
	const uint32_t modes = tty->termios.output;
	size_t length = 1;

	*out = c;
	switch (c) {
	case '\n':
		if (modes & ONLCR) {
			memcpy(out, "\r\n", 2);
			length = 2;
		}
		if (modes & (ONLCR | ONLRET))
			*column = 0;
		return length;
	case '\r':
		if ((modes & ONOCR) && !*column)
			return 0;
		if (modes & OCRNL)
			*out = '\n';
		*column = 0;
		return 1;
	case '\t':
		length = TAB_COLUMNS - *column % TAB_COLUMNS;
		*column += (unsigned)length;
		if ((modes & XTABS) != XTABS)
			return 1;
		memset(out, ' ', length);
		return length;
	case '\b': *column -= *column > 0; return 1;
	default:
		if ((uint8_t)c >= ' ' && !((tty->termios.input & IUTF8) && (c & 0xc0) == 0x80))
			++*column;
		return 1;
	}
}

/* The driver was full after shown bytes: how many of bytes that were, whole. */
static size_t count_shown(struct tty *tty, const char *bytes, size_t shown)
{
	char out[EXPANSION_MAX];
	size_t taken = 0, used = 0;

	for (;;) {
		unsigned column = tty->column;

		used += expand(tty, bytes[taken], out, &column);
		if (used > shown)
			return taken;
		tty->column = column;
		taken++;
	}
}

/* What fits in one chunk of at least one byte. A byte is taken with all that it becomes, or not at all. */
static size_t show_part(struct tty *tty, const char *bytes, size_t count)
{
	char out[CHUNK_BYTES];
	unsigned column = tty->column;
	size_t used = 0, taken = 0, shown;

	do
		used += expand(tty, bytes[taken++], out + used, &column);
	while (taken < count && used + EXPANSION_MAX <= sizeof(out));
	shown = tty->driver->output(tty, out, used);
	if (shown < used)
		return count_shown(tty, bytes, shown);
	tty->column = column;
	return taken;
}

size_t discipline_show(struct tty *tty, const char *bytes, size_t count)
{
	size_t done = 0;

	if (!(tty->termios.output & OPOST))
		return tty->driver->output(tty, bytes, count);
	while (done < count) {
		const size_t part = show_part(tty, bytes + done, count - done);

		if (!part)
			break;
		done += part;
	}
	return done;
}
