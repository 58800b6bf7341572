/* SPDX-License-Identifier: MIT
 *
 * The JSON writer. See json.h; escapes as in RFC 8259 §7, UTF-8 as in RFC 3629 §4.
 */
#include "observe/json.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void newline(struct json *j)
{
	fputc('\n', j->out);
	for (unsigned i = 0; i < j->depth; i++)
		fputs("  ", j->out);
}

/* Length of the well-formed UTF-8 sequence at s (NUL ends it early), or 0. */
static unsigned utf8_length(const unsigned char *s)
{
	static const struct {
		unsigned char first, last, second_min, second_max;
		unsigned length;
	} form[] = {
		{0x00, 0x7f, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (unsigned i = 0; i < sizeof(form) / sizeof(*form); i++) {
		if (*s < form[i].first || *s > form[i].last)
			continue;
		if (form[i].length == 1)
			return 1;
		if (s[1] < form[i].second_min || s[1] > form[i].second_max)
			return 0;
		for (unsigned k = 2; k < form[i].length; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return form[i].length;
	}
	return 0;
}

static void put_ascii(struct json *j, unsigned char c)
{
	switch (c) {
	case '"': fputs("\\\"", j->out); break;
	case '\\': fputs("\\\\", j->out); break;
	case '\n': fputs("\\n", j->out); break;
	case '\r': fputs("\\r", j->out); break;
	case '\t': fputs("\\t", j->out); break;
	default: fprintf(j->out, c < 0x20 || c == 0x7f ? "\\u%04x" : "%c", c);
	}
}

static void put_text(struct json *j, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	fputc('"', j->out);
	while (*s) {
		unsigned length = utf8_length(s);

		if (!length) {
			fputs("\\ufffd", j->out);
			s++;
			continue;
		}
		if (length == 1)
			put_ascii(j, *s);
		else
			fwrite(s, 1, length, j->out);
		s += length;
	}
	fputc('"', j->out);
}

/* What stands before each value: comma, line, key. */
static void start_value(struct json *j, const char *key)
{
	uint32_t level = UINT32_C(1) << j->depth;

	if (j->has_item & level)
		fputc(',', j->out);
	j->has_item |= level;
	if (j->depth)
		newline(j);
	assert(!key == (!j->depth || j->is_array & level));
	if (key) {
		put_text(j, key);
		fputs(": ", j->out);
	}
}

void json_open(struct json *j, FILE *out)
{
	*j = (struct json){.out = out};
}

static void container(struct json *j, const char *key, bool is_array)
{
	start_value(j, key);
	fputc(is_array ? '[' : '{', j->out);
	assert(j->depth + 1 < JSON_DEPTH_MAX);
	j->depth++;
	uint32_t level = UINT32_C(1) << j->depth;
	j->has_item &= ~level;
	j->is_array = is_array ? j->is_array | level : j->is_array & ~level;
}

void json_object(struct json *j, const char *key)
{
	container(j, key, false);
}

void json_array(struct json *j, const char *key)
{
	container(j, key, true);
}

void json_end(struct json *j)
{
	uint32_t level = UINT32_C(1) << j->depth;

	assert(j->depth);
	j->depth--;
	if (j->has_item & level)
		newline(j);
	fputc(j->is_array & level ? ']' : '}', j->out);
}

void json_string(struct json *j, const char *key, const char *text)
{
	if (!text) {
		json_null(j, key);
		return;
	}
	start_value(j, key);
	put_text(j, text);
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	start_value(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

void json_i64(struct json *j, const char *key, int64_t value)
{
	start_value(j, key);
	fprintf(j->out, "%" PRId64, value);
}

void json_double(struct json *j, const char *key, double value)
{
	char text[32];

	if (!isfinite(value)) {
		json_null(j, key);
		return;
	}
	start_value(j, key);
	snprintf(text, sizeof(text), "%.15g", value);
	if (strtod(text, NULL) != value)
		snprintf(text, sizeof(text), "%.17g", value);
	fputs(text, j->out);
}

void json_bool(struct json *j, const char *key, bool value)
{
	start_value(j, key);
	fputs(value ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
	start_value(j, key);
	fputs("null", j->out);
}

int json_close(struct json *j)
{
	assert(!j->depth);
	fputc('\n', j->out);
	return fflush(j->out) || ferror(j->out) ? -EIO : 0;
}
