/* SPDX-License-Identifier: MIT
 *
 * The line discipline: what is typed, in which mode, against what is shown, read, and signalled.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/tty/discipline.c"
#include "guest/tty/discipline_output.c"

#define COOKED (ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN)
#define SHOWN_MAX 16384

static char shown[SHOWN_MAX];
static size_t shown_count, shown_limit;

static size_t output(struct tty *tty, const char *bytes, size_t count)
{
	(void)tty;
	if (count > shown_limit - shown_count)
		count = shown_limit - shown_count;
	memcpy(shown + shown_count, bytes, count);
	shown_count += count;
	return count;
}

static const struct tty_driver driver = {.output = output};
static uint16_t input[TTY_INPUT_MAX];

static struct tty new_tty(uint32_t local)
{
	shown_count = 0;
	shown_limit = SHOWN_MAX;
	return (struct tty){.driver = &driver,
			    .input = input,
			    .head = UINT32_MAX - 3, /* positions may wrap */
			    .line = UINT32_MAX - 3,
			    .tail = UINT32_MAX - 3,
			    .termios = {.input = ICRNL | IXON | IUTF8,
					.output = OPOST | ONLCR,
					.local = local,
					.character = {[VINTR] = 3,
						      [VQUIT] = 28,
						      [VERASE] = 127,
						      [VKILL] = 21,
						      [VEOF] = 4,
						      [VMIN] = 1,
						      [VSTART] = 17,
						      [VSTOP] = 19,
						      [VSUSP] = 26,
						      [VREPRINT] = 18,
						      [VWERASE] = 23,
						      [VLNEXT] = 22}}};
}

struct conversation {
	uint32_t local;
	const char *typed, *shown, *read; /* read: lines in reads of their own, separated by | */
	int signal;			  /* the last one */
};

static const struct conversation conversations[] = {
	{COOKED, "ls\r", "ls\r\n", "ls\n", 0},
	{COOKED, "ab\177c\n", "ab\b \bc\r\n", "ac\n", 0},
	{COOKED, "\177\177x\n", "x\r\n", "x\n", 0},
	{COOKED, "a\tb\177\177c\n", "a\tb\b \b\b \b\b \b\b \b\b \b\b \b\b \b\b \bc\r\n", "ac\n", 0},
	{COOKED, "\303\244\177o\n", "\303\244\b \bo\r\n", "o\n", 0}, /* two bytes, one column */
	{COOKED, "one two\027\n", "one two\b \b\b \b\b \b\r\n", "one \n", 0},
	{COOKED, "one  \027\n", "one  \b \b\b \b\b \b\b \b\b \b\r\n", "\n", 0},
	{COOKED, "abc\025d\n", "abc\b \b\b \b\b \bd\r\n", "d\n", 0},
	{COOKED & ~(uint32_t)ECHOKE, "abc\025d\n", "abc^U\r\nd\r\n", "d\n", 0},
	{COOKED & ~(uint32_t)ECHOE, "ab\177\n", "ab^?\r\n", "a\n", 0},
	{COOKED, "\001\177b\n", "^A\b \b\b \bb\r\n", "b\n", 0}, /* shown as two, erased as two */
	{COOKED, "a\026\003b\n", "a^\b^Cb\r\n", "a\003b\n", 0},
	{COOKED, "abc\022\n", "abc^R\r\nabc\r\n", "abc\n", 0},
	{COOKED, "ab\004", "ab", "ab", 0},
	{COOKED, "a\nb\n", "a\r\nb\r\n", "a\n|b\n", 0},
	{COOKED, "lost\003kept\n", "lost^Ckept\r\n", "kept\n", SIGINT},
	{COOKED, "\032", "^Z", "", SIGTSTP},
	{COOKED, "\034", "^\\", "", SIGQUIT},
	{COOKED | NOFLSH, "kept\003\n", "kept^C\r\n", "kept\n", SIGINT},
	{COOKED & ~(uint32_t)ISIG, "\003\n", "^C\r\n", "\003\n", 0},
	{COOKED & ~(uint32_t)ECHO, "secret\n", "", "secret\n", 0},
	{(COOKED & ~(uint32_t)ECHO) | ECHONL, "secret\n", "\r\n", "secret\n", 0},
	{0, "a\177\003\004", "", "a\177\003\004", 0},
	{ISIG, "a\003", "", "", SIGINT},
	{COOKED, "half", "half", "", 0},
};

/* All that can be read, with | between reads. */
static void read_all(struct tty *tty, char *to)
{
	const char *start = to;

	while (discipline_has_input(tty, 1)) {
		bool end;

		if (to != start)
			*to++ = '|';
		to += discipline_read(tty, to, 64, &end);
	}
	*to = 0;
}

static void test_conversations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof conversations / sizeof conversations[0]; i++) {
		const struct conversation *c = &conversations[i];
		struct tty tty = new_tty(c->local);
		int number = 0;
		char got[256];

		for (const char *at = c->typed; *at; at++) {
			const int one = discipline_type(&tty, *at);

			number = one ? one : number;
		}
		shown[shown_count] = 0;
		read_all(&tty, got);
		if (strcmp(shown, c->shown) || strcmp(got, c->read))
			print_error("conversation %zu\n", i);
		assert_string_equal(shown, c->shown);
		assert_string_equal(got, c->read);
		assert_int_equal(number, c->signal);
	}
}

static void type(struct tty *tty, const char *text)
{
	while (*text)
		discipline_type(tty, *text++);
}

static void test_end_of_file(void **state)
{
	struct tty tty = new_tty(COOKED);
	char text[8];
	bool end;

	(void)state;
	type(&tty, "\004");
	assert_true(discipline_has_input(&tty, 1));
	assert_int_equal(discipline_read(&tty, text, 8, &end), 0);
	assert_true(end);
	assert_false(discipline_has_input(&tty, 1));
	type(&tty, "abc\004"); /* behind a buffer that is just full, it is no end of its own */
	assert_int_equal(discipline_read(&tty, text, 3, &end), 3);
	assert_false(discipline_has_input(&tty, 1));
}

static void test_too_long_a_line(void **state)
{
	struct tty tty = new_tty(COOKED);
	static char text[TTY_INPUT_MAX * 2];
	bool end;

	(void)state;
	for (unsigned i = 0; i < TTY_INPUT_MAX + 100; i++)
		discipline_type(&tty, 'x');
	assert_true(memchr(shown, '\a', shown_count));
	discipline_type(&tty, '\n');
	assert_int_equal(discipline_read(&tty, text, sizeof text, &end), TTY_INPUT_MAX);
	assert_true(end && text[TTY_INPUT_MAX - 1] == '\n');
}

static void test_flow(void **state)
{
	struct tty tty = new_tty(COOKED);

	(void)state;
	type(&tty, "\023");
	assert_true(tty.output_stopped);
	type(&tty, "x");
	assert_true(tty.output_stopped);
	type(&tty, "\021");
	assert_false(tty.output_stopped);
	tty.termios.input |= IXANY;
	type(&tty, "\023y");
	assert_false(tty.output_stopped);
}

static void test_output(void **state)
{
	struct tty tty = new_tty(COOKED);

	(void)state;
	tty.termios.output |= XTABS;
	assert_int_equal(discipline_show(&tty, "a\tb\n", 4), 4);
	assert_memory_equal(shown, "a       b\r\n", 11);
	assert_int_equal(tty.column, 0);
	shown_count = 0;
	shown_limit = 3; /* no room for the carriage return and the new line */
	assert_int_equal(discipline_show(&tty, "ab\n\n", 4), 2);
	assert_int_equal(tty.column, 2);
	shown_limit = SHOWN_MAX;
	tty.termios.output = 0;
	assert_int_equal(discipline_show(&tty, "\n", 1), 1);
}

static void test_leaving_canonical_mode(void **state)
{
	struct tty tty = new_tty(COOKED);
	char text[8];
	bool end;

	(void)state;
	type(&tty, "half");
	assert_false(discipline_has_input(&tty, 1));
	tty.termios.local &= ~(uint32_t)ICANON;
	discipline_settings_changed(&tty, COOKED);
	assert_true(discipline_has_input(&tty, 4));
	assert_int_equal(discipline_read(&tty, text, 8, &end), 4);
}

/* Whatever is typed in whatever mode, positions stay in order, and no more is kept than there is room. */
static void test_random(void **state)
{
	struct tty tty = new_tty(COOKED);
	char text[32];
	bool end;

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		const uint32_t old = tty.termios.local;

		if (rand() % 64 == 0) {
			tty.termios.local = (uint32_t)rand() & (COOKED | NOFLSH | ECHONL);
			tty.termios.input ^= (uint32_t)rand() & (IUTF8 | IXANY | INLCR | IGNCR);
			discipline_settings_changed(&tty, old);
		}
		discipline_type(&tty, (char)rand());
		if (rand() % 16 == 0)
			discipline_read(&tty, text, (size_t)rand() % sizeof text, &end);
		shown_count = 0;
		assert_true(tty.line - tty.tail <= tty.head - tty.tail);
		assert_true(tty.head - tty.tail <= TTY_INPUT_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_end_of_file),
		cmocka_unit_test(test_too_long_a_line),
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_leaving_canonical_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
