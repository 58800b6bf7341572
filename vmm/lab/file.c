/* SPDX-License-Identifier: MIT
 *
 * See file.h. Lines are cut and joined in place: a value that goes on in the next line moves up to its beginning.
 */
#include "lab/file.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/expression.h"

#define DEFAULT_TIMEOUT_S 60
#define TIMEOUT_MAX_S 3600
#define FILE_MAX_BYTES (1 << 20)

/* No pointers in the tables: they would have to be relocated at every start of vitrine. */
struct field {
	char key[12];
	size_t offset;
};

#define FIELD(type, member)                            \
	{                                              \
#member, offsetof(struct type, member) \
	}

static const struct field lab_fields[] = {FIELD(lab, title), FIELD(lab, chapter),
					  FIELD(lab, needs)};

static const struct field run_fields[] = {
	{"vm", offsetof(struct lab_run, by_kind[LAB_RUN_VM])},
	{"linux", offsetof(struct lab_run, by_kind[LAB_RUN_LINUX])},
	{"qemu", offsetof(struct lab_run, by_kind[LAB_RUN_QEMU])},
	{"host", offsetof(struct lab_run, by_kind[LAB_RUN_HOST])},
	{"status", offsetof(struct lab_run, status_text)},
	{"timeout", offsetof(struct lab_run, timeout_text)},
	FIELD(lab_run, program),
	FIELD(lab_run, cmdline),
	FIELD(lab_run, under),
	FIELD(lab_run, quick),
	FIELD(lab_run, needs),
	FIELD(lab_run, before),
	FIELD(lab_run, after),
	FIELD(lab_run, stats),
};

static const struct field figure_fields[] = {
	{"kind", offsetof(struct lab_figure, kind_text)},
	FIELD(lab_figure, table),
	FIELD(lab_figure, x),
	FIELD(lab_figure, y),
	FIELD(lab_figure, by),
	FIELD(lab_figure, only),
	FIELD(lab_figure, title),
	FIELD(lab_figure, xlabel),
	FIELD(lab_figure, ylabel),
	FIELD(lab_figure, log),
};

static const char figure_kinds[LAB_FIGURE_KIND_COUNT][8] = {"bars",  "lines", "points", "steps",
							    "stack", "gantt", "heat"};

enum section { SECTION_NONE, SECTION_LAB, SECTION_RUN, SECTION_FIGURE, SECTION_SHAPE };

struct parser {
	const char *path;
	struct lab *lab;
	char *error;
	unsigned line;
	enum section section;
	char *value_end; /* where a continuation would go; NULL: there is nothing to continue */
};

__attribute__((format(printf, 3, 4))) static int fail(struct parser *p, unsigned line,
						      const char *format, ...)
{
	va_list values;
	int length = snprintf(p->error, LAB_ERROR_MAX, "%s:%u: ", p->path, line);

	if (length >= LAB_ERROR_MAX)
		return -EINVAL;
	va_start(values, format);
	vsnprintf(p->error + length, LAB_ERROR_MAX - (size_t)length, format, values);
	va_end(values);
	return -EINVAL;
}

static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t\r");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r", end[-1]))
		*--end = '\0';
	return text;
}

static bool is_name(const char *name)
{
	return isalnum((unsigned char)name[0]) && strlen(name) < LAB_NAME_MAX &&
	       name[strspn(name,
			   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] ==
		       '\0';
}

static int begin_run(struct parser *p, const char *name)
{
	struct lab *lab = p->lab;

	if (lab->run_count == LAB_RUN_MAX)
		return fail(p, p->line, "more than %d runs", LAB_RUN_MAX);
	if (lab_find_run(lab, name, strlen(name)))
		return fail(p, p->line, "there is a run '%s' already", name);
	lab->run[lab->run_count++] = (struct lab_run){.name = name, .line = p->line};
	p->section = SECTION_RUN;
	return 0;
}

static int begin_figure(struct parser *p, const char *name)
{
	struct lab *lab = p->lab;

	if (lab->figure_count == LAB_FIGURE_MAX)
		return fail(p, p->line, "more than %d figures", LAB_FIGURE_MAX);
	for (unsigned i = 0; i < lab->figure_count; i++)
		if (strcmp(lab->figure[i].name, name) == 0)
			return fail(p, p->line, "there is a figure '%s' already", name);
	lab->figure[lab->figure_count++] = (struct lab_figure){.name = name, .line = p->line};
	p->section = SECTION_FIGURE;
	return 0;
}

static int begin_section(struct parser *p, char *line)
{
	char *close = strchr(line, ']');
	char *word, *name;

	if (!close || close[1 + strspn(close + 1, " \t\r")] != '\0')
		return fail(p, p->line, "a section is a line like [run guest]");
	*close = '\0';
	word = trim(line + 1);
	name = word + strcspn(word, " \t");
	if (*name) {
		*name++ = '\0';
		name = trim(name);
	}
	if (strcmp(word, "lab") == 0 || strcmp(word, "shape") == 0) {
		if (*name)
			return fail(p, p->line, "[%s] has no name", word);
		p->section = *word == 'l' ? SECTION_LAB : SECTION_SHAPE;
		return 0;
	}
	if (strcmp(word, "run") != 0 && strcmp(word, "figure") != 0)
		return fail(p, p->line,
			    "there is no section [%s]; write [lab], [run NAME], [figure NAME] or "
			    "[shape]",
			    word);
	if (!is_name(name))
		return fail(p, p->line, "[%s] needs a name of letters, digits, '-', '_' and '.'",
			    word);
	return *word == 'r' ? begin_run(p, name) : begin_figure(p, name);
}

static int set_field(struct parser *p, const struct field *field, size_t count, void *object,
		     const char *key, const char *value)
{
	for (size_t i = 0; i < count; i++) {
		const char **place = (const char **)((char *)object + field[i].offset);

		if (strcmp(field[i].key, key) != 0)
			continue;
		if (*place)
			return fail(p, p->line, "'%s' is there twice", key);
		*place = value;
		return 0;
	}
	return fail(p, p->line, "there is no key '%s' in this section", key);
}

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static int set_value(struct parser *p, const char *key, const char *value)
{
	struct lab *lab = p->lab;

	switch (p->section) {
	case SECTION_LAB: return set_field(p, lab_fields, COUNT(lab_fields), lab, key, value);
	case SECTION_RUN:
		return set_field(p, run_fields, COUNT(run_fields), &lab->run[lab->run_count - 1],
				 key, value);
	case SECTION_FIGURE:
		return set_field(p, figure_fields, COUNT(figure_fields),
				 &lab->figure[lab->figure_count - 1], key, value);
	case SECTION_SHAPE:
		if (lab->shape_count == LAB_SHAPE_MAX)
			return fail(p, p->line, "more than %d shapes", LAB_SHAPE_MAX);
		lab->shape[lab->shape_count++] = (struct lab_shape){key, value, p->line};
		return 0;
	default: return fail(p, p->line, "'%s' stands before the first section", key);
	}
}

static int parse_line(struct parser *p, char *line)
{
	char *text = trim(line), *equals;

	if (!*text || *line == '#') {
		p->value_end = *text ? p->value_end : NULL;
		return 0;
	}
	if (*line == ' ' || *line == '\t') {
		if (!p->value_end)
			return fail(p, p->line,
				    "a line that begins with a blank goes on with a value, and "
				    "there is none before it");
		*p->value_end++ = ' ';
		memmove(p->value_end, text, strlen(text) + 1);
		p->value_end += strlen(p->value_end);
		return 0;
	}
	if (*line == '[') {
		p->value_end = NULL;
		return begin_section(p, line);
	}
	equals = strchr(line, '=');
	if (!equals)
		return fail(p, p->line, "neither [section] nor 'key = value'");
	*equals = '\0';
	text = trim(equals + 1);
	p->value_end = text + strlen(text);
	line = trim(line);
	return *line ? set_value(p, line, text) : fail(p, p->line, "no key before '='");
}

static int check_number(struct parser *p, unsigned line, const char *key, const char *text,
			unsigned max, unsigned *number)
{
	char *end;
	unsigned long value;

	if (!text)
		return 0;
	value = strtoul(text, &end, 10);
	if (*end || !isdigit((unsigned char)*text) || value > max)
		return fail(p, line, "%s = %s: write a number up to %u", key, text, max);
	*number = (unsigned)value;
	return 0;
}

static int check_run(struct parser *p, struct lab_run *run)
{
	unsigned kinds = 0, status = 0;
	int err;

	for (unsigned i = 0; i < LAB_RUN_KIND_COUNT; i++) {
		if (run->by_kind[i]) {
			run->kind = i;
			kinds++;
		}
	}
	if (kinds != 1)
		return fail(p, run->line, "[run %s] needs one of vm, linux, qemu and host",
			    run->name);
	if (run->kind == LAB_RUN_HOST && (run->program || run->cmdline || run->under))
		return fail(p, run->line, "[run %s]: program, cmdline and under are for guests",
			    run->name);
	if (run->kind != LAB_RUN_HOST && run->kind != LAB_RUN_VM && !run->program)
		return fail(p, run->line, "[run %s] needs a program", run->name);
	if (run->quick && run->kind != LAB_RUN_HOST && !run->program)
		return fail(p, run->line, "[run %s]: quick without a program", run->name);
	if (run->stats && (run->kind == LAB_RUN_QEMU || run->kind == LAB_RUN_HOST))
		return fail(p, run->line, "[run %s]: stats are vitrine's", run->name);
	run->timeout_s = DEFAULT_TIMEOUT_S;
	err = check_number(p, run->line, "status", run->status_text, 255, &status);
	run->status = (int)status;
	return err ? err
		   : check_number(p, run->line, "timeout", run->timeout_text, TIMEOUT_MAX_S,
				  &run->timeout_s);
}

static int check_figure(struct parser *p, struct lab_figure *figure)
{
	if (!figure->table || !figure->kind_text || !figure->x || !figure->y)
		return fail(p, figure->line, "[figure %s] needs table, kind, x and y",
			    figure->name);
	while (figure->kind < LAB_FIGURE_KIND_COUNT &&
	       strcmp(figure->kind_text, figure_kinds[figure->kind]) != 0)
		figure->kind++;
	if (figure->kind == LAB_FIGURE_KIND_COUNT)
		return fail(p, figure->line,
			    "[figure %s]: there is no kind '%s'; write bars, lines, points, steps, "
			    "stack, gantt or heat",
			    figure->name, figure->kind_text);
	if (figure->kind == LAB_FIGURE_GANTT && !strchr(figure->x, ','))
		return fail(p, figure->line, "[figure %s]: a gantt's x is two columns: from,to",
			    figure->name);
	if (figure->kind == LAB_FIGURE_HEAT && !figure->by)
		return fail(p, figure->line,
			    "[figure %s]: a heat's 'by' is the column of the colour", figure->name);
	if (figure->log && figure->log[strspn(figure->log, "xy")] != '\0')
		return fail(p, figure->line, "[figure %s]: log is x, y or xy", figure->name);
	return 0;
}

static int check(struct parser *p)
{
	struct lab *lab = p->lab;
	char problem[LAB_ERROR_MAX];
	int err = 0;

	if (!lab->title || !lab->chapter)
		return fail(p, 1, "[lab] needs title and chapter");
	if (!lab->run_count)
		return fail(p, 1, "no [run NAME]");
	for (unsigned i = 0; !err && i < lab->run_count; i++)
		err = check_run(p, &lab->run[i]);
	for (unsigned i = 0; !err && i < lab->figure_count; i++)
		err = check_figure(p, &lab->figure[i]);
	for (unsigned i = 0; !err && i < lab->shape_count; i++)
		if (expression_check(lab->shape[i].expression, problem, sizeof(problem)) < 0)
			err = fail(p, lab->shape[i].line, "%s", problem);
	return err;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the parser writes there */
int lab_file_parse(const char *path, char *text, struct lab *lab, char error[LAB_ERROR_MAX])
{
	struct parser p = {.path = path, .lab = lab, .error = error};
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	char *rest = text, *line;
	int err = 0;

	*lab = (struct lab){.text = text};
	snprintf(lab->name, sizeof(lab->name), "%.*s", (int)strcspn(base, "."), base);
	while (!err && (line = strsep(&rest, "\n"))) {
		p.line++;
		err = parse_line(&p, line);
	}
	if (!err)
		err = check(&p);
	if (err)
		lab_file_free(lab);
	return err;
}

int lab_file_read(const char *path, struct lab *lab, char error[LAB_ERROR_MAX])
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(FILE_MAX_BYTES + 1) : NULL;
	size_t length = text ? fread(text, 1, FILE_MAX_BYTES + 1, file) : 0;

	if (!text || ferror(file) || length > FILE_MAX_BYTES) {
		snprintf(error, LAB_ERROR_MAX, "%s: %s", path,
			 text && !ferror(file) ? "too large for a lab" : strerror(errno));
		free(text);
		if (file)
			fclose(file);
		return -EIO;
	}
	fclose(file);
	text[length] = '\0';
	return lab_file_parse(path, text, lab, error);
}

void lab_file_free(struct lab *lab)
{
	free(lab->text);
	*lab = (struct lab){0};
}

const struct lab_run *lab_find_run(const struct lab *lab, const char *name, size_t length)
{
	for (unsigned i = 0; i < lab->run_count; i++)
		if (strlen(lab->run[i].name) == length &&
		    memcmp(lab->run[i].name, name, length) == 0)
			return &lab->run[i];
	return NULL;
}
