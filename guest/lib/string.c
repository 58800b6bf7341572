/* SPDX-License-Identifier: MIT
 *
 * String functions. Copies and fills go in words of 8 bytes: on deprivileged hosts every iteration
 * of a rep instruction is an emulated instruction.
 */
#include "guest/lib/string.h"

#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
	void *start = to;
	size_t words = bytes / 8;

	asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
	bytes %= 8;
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
	return start;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	char *t = (char *)to;
	const char *f = from;

	if (t <= f || t >= f + bytes)
		return memcpy(to, from, bytes);
	while (bytes--)
		t[bytes] = f[bytes];
	return to;
}

void *memset(void *to, int value, size_t bytes)
{
	void *start = to;
	const uint64_t word = 0x0101010101010101ull * (uint8_t)value;
	size_t words = bytes / 8;

	asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(word) : "memory");
	bytes %= 8;
	asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(word) : "memory");
	return start;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const uint8_t *x = a, *y = b;

	for (; bytes; bytes--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t length = 0;

	while (s[length])
		length++;
	return length;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t max)
{
	while (max && *a && *a == *b) {
		a++;
		b++;
		max--;
	}
	return max ? (uint8_t)*a - (uint8_t)*b : 0;
}
