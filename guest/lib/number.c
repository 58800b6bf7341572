/* SPDX-License-Identifier: MIT
 *
 * Parsing of numbers, each step checked for overflow.
 */
#include "guest/lib/number.h"

#define NO_DIGIT 255

static unsigned digit(char c, unsigned base)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return base == 16 && c >= 'a' && c <= 'f' ? c - 'a' + 10u : NO_DIGIT;
}

static unsigned suffix_shift(char c)
{
	switch (c) {
	case 'K': return 10;
	case 'M': return 20;
	case 'G': return 30;
	default: return 0;
	}
}

bool number_parse(const char **at, uint64_t *value)
{
	unsigned base = 10, shift;

	if ((*at)[0] == '0' && ((*at)[1] | 0x20) == 'x') {
		base = 16;
		*at += 2;
	}
	if (digit(**at, base) == NO_DIGIT)
		return false;
	for (*value = 0; digit(**at, base) != NO_DIGIT; ++*at)
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, digit(**at, base), value))
			return false;
	shift = suffix_shift(**at);
	*at += shift != 0;
	return !__builtin_mul_overflow(*value, 1ull << shift, value);
}

bool number_parse_ipv4(const char **at, uint32_t *address)
{
	*address = 0;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t byte;

		if (!number_parse(at, &byte) || byte > 255 || (i < 3 && *(*at)++ != '.'))
			return false;
		*address = *address << 8 | (uint32_t)byte;
	}
	return true;
}
