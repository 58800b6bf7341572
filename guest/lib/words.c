/* SPDX-License-Identifier: MIT
 *
 * Words, with blanks between. A comma is a blank too: it can be written in a command-line word.
 */
#include "guest/lib/words.h"

#include "guest/lib/number.h"

#define WORD_MAX 24

static bool is_blank(char c)
{
	return c == ' ' || c == ',';
}

bool words_next(const char **at, char *word, unsigned size)
{
	unsigned length = 0;

	while (is_blank(**at))
		++*at;
	for (; **at && !is_blank(**at); ++*at)
		if (length + 1 < size)
			word[length++] = **at;
	word[length] = 0;
	return length;
}

bool words_number(const char **at, uint64_t otherwise, uint64_t *value)
{
	char word[WORD_MAX];
	const char *digit = word;

	*value = otherwise;
	if (!words_next(at, word, sizeof(word)))
		return true;
	return number_parse(&digit, value) && !*digit;
}
