/* SPDX-License-Identifier: MIT
 *
 * See session.h.
 */
#include "lab/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/command.h"
#include "lab/needs.h"
#include "lab/output.h"
#include "lab/spawn.h"
#include "lab/stats_rows.h"

#define LAST_LINES 12
#define SHOWN_MAX 160
#define LOAD_MAX 8
#define STATUS_UNKNOWN (-1)
#define ROW_MARK "lab: "
#define EXIT_MARK "lab-exit "

/* What is heard from a run. */
struct hearing {
	struct session *session;
	const struct lab_run *run;
	struct output log;
	char last[LAST_LINES][SHOWN_MAX]; /* a ring */
	unsigned line_count;
	int status;	  /* as the guest's first program told it */
	FILE *json;	  /* vitrine's counters, behind that */
	bool is_terminal; /* a line of progress is on it now and then */
	char bad_row[SHOWN_MAX];
	unsigned limit_s;
};

static void clear_progress(const struct hearing *h)
{
	if (h->is_terminal)
		fputs("\r\033[K", stderr);
}

/* Guests write what they like; a terminal shall not do what they like. */
static void show(const char *line)
{
	for (; *line; line++)
		putchar((unsigned char)*line < ' ' && *line != '\t' ? '?' : *line);
	putchar('\n');
	fflush(stdout);
}

static void hear_row(struct hearing *h, const char *row)
{
	char error[SHOWN_MAX];

	if (tables_add(&h->session->tables, row, h->run->name, error, sizeof(error)) < 0 &&
	    !h->bad_row[0])
		snprintf(h->bad_row, sizeof(h->bad_row), "%.60s: '%s%.80s'", error, ROW_MARK, row);
}

/* A guest's program has ended. A command of the host may run guests, too: then one failure is enough. */
static bool hear_exit(struct hearing *h, int status)
{
	if (h->run->program || status != 0)
		h->status = status;
	return h->run->program != NULL;
}

static bool hear_line(void *ctx, const char *line)
{
	struct hearing *h = ctx;
	const struct session *session = h->session;
	const bool is_row = strncmp(line, ROW_MARK, strlen(ROW_MARK)) == 0;

	if (h->log.file)
		fprintf(h->log.file, "%s\n", line);
	if (h->json && (h->status != STATUS_UNKNOWN || !h->run->program)) {
		fprintf(h->json, "%s\n", line);
		return false;
	}
	if (strncmp(line, EXIT_MARK, strlen(EXIT_MARK)) == 0)
		return hear_exit(h, (int)strtol(line + strlen(EXIT_MARK), NULL, 10));
	snprintf(h->last[h->line_count++ % LAST_LINES], SHOWN_MAX, "%s", line);
	if (is_row)
		hear_row(h, line + strlen(ROW_MARK));
	if (session->is_verbose || (!is_row && !session->is_quiet)) {
		clear_progress(h);
		show(line);
	}
	return false;
}

static void tick(void *ctx, unsigned seconds)
{
	const struct hearing *h = ctx;

	if (!h->is_terminal)
		return;
	clear_progress(h);
	fprintf(stderr, "%s: %s, %u s", h->session->lab->name, h->run->name, seconds);
}

static void show_last_lines(const struct hearing *h)
{
	unsigned i = h->line_count > LAST_LINES ? h->line_count - LAST_LINES : 0;

	for (; i < h->line_count; i++) {
		fputs("    | ", stdout);
		show(h->last[i % LAST_LINES]);
	}
}

/* Time limits are meant for an idle host. What else wants its processors makes them longer. */
static unsigned time_limit(const struct hearing *h)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	double load = 0;

	if (getloadavg(&load, 1) != 1 || cpus < 1)
		load = 0;
	load = 1 + load / (double)(cpus < 1 ? 1 : cpus);
	return (unsigned)(h->run->timeout_s * h->session->slow *
			  (load < LOAD_MAX ? load : LOAD_MAX));
}

/* Why it is no success, or NULL. */
static const char *problem(const struct hearing *h, const struct spawn_result *result, char *text,
			   size_t size)
{
	const bool is_guest_program = h->run->program != NULL;
	const int status = h->status != STATUS_UNKNOWN ? h->status : result->status;

	switch (result->end) {
	case SPAWN_FAILED: return "can't be started";
	case SPAWN_FLOOD: return "wrote more than a lab may";
	case SPAWN_TIMEOUT:
		snprintf(text, size, "still running after %u s", h->limit_s);
		return text;
	default: break;
	}
	if (h->bad_row[0])
		return h->bad_row;
	if (is_guest_program && h->status == STATUS_UNKNOWN && !h->run->status_text) {
		snprintf(text, size,
			 "the guest ended before its program did (the VMM's status: %d)",
			 result->status);
		return text;
	}
	if (status == h->run->status)
		return NULL;
	snprintf(text, size, "ended with status %d, not %d", status, h->run->status);
	return text;
}

static int report(const struct hearing *h, const struct spawn_result *result, const char *what)
{
	char text[SHOWN_MAX];
	const char *trouble;

	clear_progress(h);
	if (result->end == SPAWN_INTERRUPTED)
		return -EINTR;
	trouble = problem(h, result, text, sizeof(text));
	if (!trouble)
		return 0;
	printf("%s: %s%s: %s%s\n", h->session->lab->name, what, h->run->name, trouble,
	       h->line_count ? "; its last lines:" : "");
	show_last_lines(h);
	return -EIO;
}

static struct spawn_result execute(struct hearing *h, const char *command)
{
	h->limit_s = time_limit(h);

	const struct spawn spawn = {.command = command,
				    .folder = h->session->places->scratch,
				    .timeout_s = h->limit_s,
				    .line = hear_line,
				    .tick = tick,
				    .ctx = h};

	if (h->session->is_verbose)
		printf("+ %s\n", command);
	fflush(stdout);
	return spawn_run(&spawn);
}

/* `before` and `after`: commands of the host with a status of their own, which has to be 0. */
static int run_beside(struct session *session, const struct lab_run *run, const char *text,
		      const char *what)
{
	const struct lab_run beside = {
		.name = run->name, .kind = LAB_RUN_HOST, .timeout_s = run->timeout_s};
	struct hearing h = {.session = session,
			    .run = &beside,
			    .status = STATUS_UNKNOWN,
			    .is_terminal = isatty(STDERR_FILENO)};
	char *command = text ? places_fill(session->places, text) : NULL;
	struct spawn_result result;

	if (!command)
		return text ? -ENOMEM : 0;
	result = execute(&h, command);
	free(command);
	return report(&h, &result, what);
}

static int add_stats(struct hearing *h, char **text)
{
	const char *json;
	int err;

	fclose(h->json);
	h->json = NULL;
	json = *text ? strstr(*text, "{\n") : NULL;
	err = json ? stats_rows_add(&h->session->tables, h->run->stats, h->run->name, json)
		   : -EINVAL;
	if (err)
		printf("%s: %s: vitrine's counters can't be read\n", h->session->lab->name,
		       h->run->name);
	return err ? -EIO : 0;
}

static int run_itself(struct session *session, const struct lab_run *run, double *seconds)
{
	struct hearing h = {.session = session,
			    .run = run,
			    .status = STATUS_UNKNOWN,
			    .is_terminal = isatty(STDERR_FILENO)};
	char *command = command_make(run, session->places, session->is_quick), *json = NULL;
	size_t json_size;
	int err;

	if (!command)
		return -ENOMEM;
	if (session->folder)
		output_open(&h.log, session->folder, session->lab->name, run->name, "txt");
	if (run->stats)
		h.json = open_memstream(&json, &json_size);
	const struct spawn_result result = execute(&h, command);

	*seconds = result.seconds;
	err = report(&h, &result, "");
	if (h.json && !err)
		err = add_stats(&h, &json);
	else if (h.json)
		fclose(h.json);
	if (h.log.file && result.end == SPAWN_INTERRUPTED)
		output_drop(&h.log);
	else if (h.log.file)
		output_finish(&h.log);
	free(json);
	free(command);
	return err;
}

static int run_one(struct session *session, unsigned number)
{
	const struct lab_run *run = &session->lab->run[number];
	char reason[LAB_ERROR_MAX];
	double seconds = 0;
	int err;

	session->left_out[number] = !needs_of_run_are_met(run, session->places, reason,
							  sizeof(reason));
	if (session->left_out[number]) {
		printf("-- %s: left out: %s\n", run->name, reason);
		return 0;
	}
	session->run_count++;
	if (!session->is_quiet)
		printf("-- %s\n", run->name);
	err = run_beside(session, run, run->before, "before ");
	if (!err)
		err = run_itself(session, run, &seconds);
	if (!err)
		err = run_beside(session, run, run->after, "after ");
	spawn_end_all();
	if (!err && session->is_verbose)
		printf("-- %s took %.1f s\n", run->name, seconds);
	return err;
}

int session_run(struct session *session)
{
	int err = 0;

	for (unsigned i = 0; !err && i < session->lab->run_count; i++)
		err = run_one(session, i);
	return err;
}

bool session_is_left_out(void *ctx, const char *name)
{
	const struct session *session = ctx;

	for (unsigned i = 0; i < session->lab->run_count; i++)
		if (session->left_out[i] && (!name || strcmp(session->lab->run[i].name, name) == 0))
			return true;
	return false;
}
