/* SPDX-License-Identifier: MIT
 *
 * A line editor of the simplest kind: backspace, Ctrl-U, Ctrl-C.
 */
#include "guest/prompt/prompt.h"

#include "guest/drivers/console.h"
#include "guest/lib/print.h"

#define LINE_MAX_BYTES 80
#define CTRL(c) ((c)&0x1f)

static void erase(unsigned count)
{
	while (count--)
		print("\b \b");
}

static void read_line(char *line)
{
	unsigned length = 0;

	for (;;) {
		const char c = console_read();

		if (c == '\r' || c == '\n')
			break;
		if ((c == '\b' || c == 0x7f) && length) {
			erase(1);
			length--;
		} else if (c == CTRL('u')) {
			erase(length);
			length = 0;
		} else if (c == CTRL('c')) {
			length = 0;
			break;
		} else if (c >= ' ' && c < 0x7f && length < LINE_MAX_BYTES - 1) {
			line[length++] = c;
			print("%c", c);
		}
	}
	line[length] = 0;
	print("\n");
}

void prompt_loop(void)
{
	char line[LINE_MAX_BYTES];

	for (;;) {
		print("vitrine> ");
		read_line(line);
		if (line[0] && !prompt_command(line))
			print("%s: no such command; \"help\" lists them\n", line);
	}
}
