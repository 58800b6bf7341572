/* SPDX-License-Identifier: MIT
 *
 * See stats_rows.h. Reads the JSON that vmm/observe/json.c writes, once from its beginning to its end.
 */
#include "lab/stats_rows.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 256
#define DEPTH_MAX 16

struct reader {
	const char *at;
	struct tables *tables;
	const char *table, *where;
	char name[NAME_MAX_BYTES];
	unsigned depth;
};

static int read_value(struct reader *r, bool in_list);

static bool take(struct reader *r, char sign)
{
	r->at += strspn(r->at, " \t\r\n");
	if (*r->at != sign)
		return false;
	r->at++;
	return true;
}

/* A string without escapes that matter: of others the backslash stays. */
static int read_string(struct reader *r, char *text, size_t size)
{
	size_t length = 0;

	if (!take(r, '"'))
		return -EINVAL;
	for (; *r->at && *r->at != '"'; r->at++) {
		if (*r->at == '\\' && r->at[1])
			r->at++;
		if (length < size - 1)
			text[length++] = *r->at;
	}
	text[length] = '\0';
	return take(r, '"') ? 0 : -EINVAL;
}

static void push(struct reader *r, const char *part)
{
	const size_t length = strlen(r->name);

	snprintf(r->name + length, sizeof(r->name) - length, "%s%s", length ? "." : "", part);
}

static int read_number(struct reader *r)
{
	char row[2 * NAME_MAX_BYTES], error[64];
	char *end;

	strtod(r->at, &end);
	if (end == r->at)
		return -EINVAL;
	if (strpbrk(r->name, "\" \t"))
		r->name[strcspn(r->name, "\" \t")] = '\0';
	snprintf(row, sizeof(row), "%s name=%s value=%.*s", r->table, r->name, (int)(end - r->at),
		 r->at);
	r->at = end;
	return tables_add(r->tables, row, r->where, error, sizeof(error));
}

/* true, false, null. */
static int read_word(struct reader *r)
{
	const size_t length = strspn(r->at, "abcdefghijklmnopqrstuvwxyz");

	r->at += length;
	return length ? 0 : -EINVAL;
}

/* What an object in a list says of itself becomes part of the names of all that follows in it. */
static int read_label(struct reader *r, const char *key, bool *is_label)
{
	char text[NAME_MAX_BYTES];
	const char *number;

	r->at += strspn(r->at, " \t\r\n");
	*is_label = true;
	if (*r->at == '"') {
		if (read_string(r, text, sizeof(text)) < 0)
			return -EINVAL;
		if (strcmp(key, "model") != 0)
			push(r, text);
		return 0;
	}
	*is_label = strcmp(key, "vcpu") == 0 || strcmp(key, "region") == 0;
	if (!*is_label)
		return 0;
	number = r->at;
	r->at += strspn(r->at, "0123456789");
	snprintf(text, sizeof(text), "%.*s", (int)(r->at - number), number);
	push(r, text);
	return 0;
}

static int read_object(struct reader *r, bool in_list)
{
	char key[NAME_MAX_BYTES];
	int err = 0;

	if (take(r, '}'))
		return 0;
	do {
		bool is_label = false;

		if (read_string(r, key, sizeof(key)) < 0 || !take(r, ':'))
			return -EINVAL;
		if (in_list)
			err = read_label(r, key, &is_label);
		if (!err && !is_label) {
			const size_t length = strlen(r->name);

			if (!in_list || strcmp(key, "value") != 0)
				push(r, key);
			err = read_value(r, false);
			r->name[length] = '\0';
		}
	} while (!err && take(r, ','));
	return err ? err : take(r, '}') ? 0 : -EINVAL;
}

static int read_list(struct reader *r)
{
	const size_t length = strlen(r->name);
	char place[16];
	int err = 0;

	if (take(r, ']'))
		return 0;
	for (unsigned i = 0; !err; i++) {
		r->at += strspn(r->at, " \t\r\n");
		if (*r->at != '{') {
			snprintf(place, sizeof(place), "%u", i);
			push(r, place);
		}
		err = read_value(r, true);
		r->name[length] = '\0';
		if (!err && !take(r, ','))
			break;
	}
	return err ? err : take(r, ']') ? 0 : -EINVAL;
}

static int read_value(struct reader *r, bool in_list)
{
	char text[NAME_MAX_BYTES];
	int err;

	if (++r->depth > DEPTH_MAX)
		return -EINVAL;
	r->at += strspn(r->at, " \t\r\n");
	if (take(r, '{'))
		err = read_object(r, in_list);
	else if (take(r, '['))
		err = read_list(r);
	else if (*r->at == '"')
		err = read_string(r, text, sizeof(text));
	else if (*r->at >= 'a' && *r->at <= 'z')
		err = read_word(r);
	else
		err = read_number(r);
	r->depth--;
	return err;
}

int stats_rows_add(struct tables *tables, const char *table, const char *where, const char *json)
{
	struct reader r = {.at = json, .tables = tables, .table = table, .where = where};

	return read_value(&r, false) == 0 ? 0 : -EINVAL;
}
