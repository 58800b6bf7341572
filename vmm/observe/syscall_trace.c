/* SPDX-License-Identifier: MIT
 *
 * Records of system calls into lines. Everything in a record is the guest's word: sizes are checked against the
 * batch, unknown calls have a number for a name, bytes that aren't printable are escaped.
 */
#include "observe/syscall_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/syscall_trace.h"
#include "observe/line.h"
#include "observe/syscall_signatures.h"

/* All texts escaped as \ooo, and room for the rest. */
#define LINE_BYTES (SYSCALL_TRACE_TEXTS_MAX * SYSCALL_TRACE_TEXT_MAX * 4 + 512)
#define ERRNO_MAX 4095
#define ARGUMENTS_MAX 6
#define ADDRESS_LOWEST 0x10000 /* what the calls give that take an address first: mmap(), brk() */

struct syscall_trace {
	FILE *file;
	pthread_mutex_t lock;
	bool broken;
};

struct record {
	struct syscall_trace_record head;
	struct syscall_trace_text text[SYSCALL_TRACE_TEXTS_MAX];
	const uint8_t *bytes[SYSCALL_TRACE_TEXTS_MAX];
};

/* --- parsing --- */

static bool parse_texts(struct record *record, const uint8_t *at, size_t left)
{
	for (unsigned i = 0; i < record->head.text_count; i++) {
		struct syscall_trace_text *text = &record->text[i];

		if (left < sizeof(*text))
			return false;
		memcpy(text, at, sizeof(*text));
		at += sizeof(*text);
		left -= sizeof(*text);
		const size_t padded = (text->bytes + 7ull) & ~7ull;

		if (text->bytes > SYSCALL_TRACE_TEXT_MAX || padded > left ||
		    text->argument >= ARGUMENTS_MAX)
			return false;
		record->bytes[i] = at;
		at += padded;
		left -= padded;
	}
	return !left;
}

static bool parse(struct record *record, const uint8_t *batch, size_t len_bytes)
{
	struct syscall_trace_record *head = &record->head;

	if (len_bytes < sizeof(*head))
		return false;
	memcpy(head, batch, sizeof(*head));
	head->program[sizeof(head->program) - 1] = '\0';
	return head->bytes >= sizeof(*head) && head->bytes <= len_bytes &&
	       head->text_count <= SYSCALL_TRACE_TEXTS_MAX &&
	       parse_texts(record, batch + sizeof(*head), head->bytes - sizeof(*head));
}

/* --- one line --- */

static void add_escaped(struct line *line, const uint8_t *bytes, size_t count)
{
	static const char from[] = "\n\r\t\"\\", to[] = "nrt\"\\";

	for (size_t i = 0; i < count; i++) {
		const char *escape = bytes[i] ? strchr(from, bytes[i]) : NULL;

		if (escape)
			line_add(line, "\\%c", to[escape - from]);
		else if (bytes[i] >= 0x20 && bytes[i] < 0x7f)
			line_add(line, "%c", bytes[i]);
		else
			line_add(line, "\\%03o", bytes[i]);
	}
}

/* Whether the record has the text of this argument. */
static bool add_text(struct line *line, const struct record *record, unsigned argument)
{
	for (unsigned i = 0; i < record->head.text_count; i++) {
		if (record->text[i].argument != argument)
			continue;
		line_add(line, "\"");
		add_escaped(line, record->bytes[i], record->text[i].bytes);
		line_add(line, "\"%s", record->text[i].cut ? "..." : "");
		return true;
	}
	return false;
}

struct flag {
	uint64_t bit;
	const char *name;
};

static void add_flags(struct line *line, uint64_t value, const struct flag *flags, const char *none)
{
	const char *between = "";

	if (none) {
		line_add(line, "%s", none);
		between = "|";
	}
	for (; flags->name; flags++)
		if ((value & flags->bit) == flags->bit) {
			line_add(line, "%s%s", between, flags->name);
			value &= ~flags->bit;
			between = "|";
		}
	if (value || !*between)
		line_add(line, "%s%#" PRIx64, between, value);
}

static void add_open_flags(struct line *line, uint64_t value)
{
	static const char *const mode[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
	static const struct flag flags[] = {
		{O_CREAT, "O_CREAT"},
		{O_EXCL, "O_EXCL"},
		{O_NOCTTY, "O_NOCTTY"},
		{O_TRUNC, "O_TRUNC"},
		{O_APPEND, "O_APPEND"},
		{O_NONBLOCK, "O_NONBLOCK"},
		{O_SYNC, "O_SYNC"},
		{O_DSYNC, "O_DSYNC"},
		{O_DIRECT, "O_DIRECT"},
		{0100000, "O_LARGEFILE"},
		{O_TMPFILE, "O_TMPFILE"},
		{O_DIRECTORY, "O_DIRECTORY"},
		{O_NOFOLLOW, "O_NOFOLLOW"},
		{O_NOATIME, "O_NOATIME"},
		{O_CLOEXEC, "O_CLOEXEC"},
		{O_PATH, "O_PATH"},
		{0, NULL},
	};

	add_flags(line, value & ~(uint64_t)O_ACCMODE, flags, mode[value & O_ACCMODE]);
}

static void add_protection(struct line *line, uint64_t value)
{
	static const struct flag flags[] = {{PROT_READ, "PROT_READ"},
					    {PROT_WRITE, "PROT_WRITE"},
					    {PROT_EXEC, "PROT_EXEC"},
					    {0, NULL}};

	if (value)
		add_flags(line, value, flags, NULL);
	else
		line_add(line, "PROT_NONE");
}

static void add_map_flags(struct line *line, uint64_t value)
{
	static const struct flag flags[] = {{MAP_SHARED, "MAP_SHARED"},
					    {MAP_PRIVATE, "MAP_PRIVATE"},
					    {MAP_FIXED, "MAP_FIXED"},
					    {MAP_ANONYMOUS, "MAP_ANONYMOUS"},
					    {MAP_STACK, "MAP_STACK"},
					    {MAP_NORESERVE, "MAP_NORESERVE"},
					    {MAP_POPULATE, "MAP_POPULATE"},
					    {MAP_LOCKED, "MAP_LOCKED"},
					    {0, NULL}};

	add_flags(line, value, flags, NULL);
}

static void add_clock(struct line *line, int clock)
{
	static const char *const name[] = {
		"REALTIME",	 "MONOTONIC",	    "PROCESS_CPUTIME_ID", "THREAD_CPUTIME_ID",
		"MONOTONIC_RAW", "REALTIME_COARSE", "MONOTONIC_COARSE",	  "BOOTTIME"};

	if (clock >= 0 && clock < (int)(sizeof(name) / sizeof(*name)))
		line_add(line, "CLOCK_%s", name[clock]);
	else
		line_add(line, "%d", clock);
}

static void add_signal(struct line *line, int number)
{
	const char *name = sigabbrev_np(number);

	if (name)
		line_add(line, "SIG%s", name);
	else
		line_add(line, "%d", number);
}

static void add_argument(struct line *line, const struct record *record, unsigned i, char letter)
{
	const uint64_t value = record->head.argument[i];

	if (strchr("sbB", letter) && add_text(line, record, i))
		return;
	switch (letter) {
	case 'd': line_add(line, "%" PRId64, (int64_t)(int32_t)value); break;
	case 'u': line_add(line, "%" PRIu64, value); break;
	case 'o': line_add(line, "%#o", (unsigned)value); break;
	case 'f': add_open_flags(line, value); break;
	case 'P': add_protection(line, value); break;
	case 'M': add_map_flags(line, value); break;
	case 'S': add_signal(line, (int)value); break;
	case 'c': add_clock(line, (int)value); break;
	case 'a':
		if ((int)value == AT_FDCWD)
			line_add(line, "AT_FDCWD");
		else
			line_add(line, "%d", (int)value);
		break;
	case 'x': line_add(line, "%#" PRIx64, value); break;
	default:
		if (value)
			line_add(line, "%#" PRIx64, value);
		else
			line_add(line, "NULL");
	}
}

static void add_result(struct line *line, const struct syscall_trace_record *head,
		       const char *letters)
{
	const int64_t result = head->result;

	if (head->flags & SYSCALL_TRACE_NO_RETURN) {
		line_add(line, "?");
	} else if (result < 0 && result >= -ERRNO_MAX) {
		const char *name = strerrorname_np((int)-result);

		if (name)
			line_add(line, "-1 %s (%s)", name, strerrordesc_np((int)-result));
		else /* inside the kernel only: a signal came, and the call starts again */
			line_add(line, "? ERESTART (%" PRId64 ")", -result);
	} else if (*letters == 'p' && result >= ADDRESS_LOWEST) {
		line_add(line, "%#" PRIx64, (uint64_t)result);
	} else {
		line_add(line, "%" PRId64, result);
	}
}

int64_t syscall_trace_format(const uint8_t *batch, size_t len_bytes, char *buf, size_t size)
{
	struct line line = {buf, size, 0};
	const struct syscall_signature *signature;
	struct record record;

	buf[0] = '\0';
	if (!parse(&record, batch, len_bytes))
		return -EINVAL;
	signature = syscall_signature(record.head.number);
	line_add(&line, "%6" PRId32 " ", record.head.tid);
	add_escaped(&line, (const uint8_t *)record.head.program, strlen(record.head.program));
	while (line.used < 24)
		line_add(&line, " ");
	if (signature) {
		line_add(&line, "%s(", signature->name);
		for (unsigned i = 0; signature->letters[i]; i++) {
			line_add(&line, "%s", i ? ", " : "");
			add_argument(&line, &record, i, signature->letters[i]);
		}
	} else {
		line_add(&line, "syscall_%u(", record.head.number);
	}
	line_add(&line, ") = ");
	add_result(&line, &record.head, signature ? signature->letters : "");
	return record.head.bytes;
}

/* --- the file --- */

int syscall_trace_open(const char *path, struct syscall_trace **out)
{
	struct syscall_trace *trace = calloc(1, sizeof(*trace));

	if (!trace)
		return -ENOMEM;
	trace->file = path ? fopen(path, "we") : stderr;
	if (!trace->file) {
		const int err = -errno;

		free(trace);
		return err;
	}
	pthread_mutex_init(&trace->lock, NULL);
	*out = trace;
	return 0;
}

void syscall_trace_close(struct syscall_trace *trace)
{
	if (!trace)
		return;
	if (trace->file != stderr)
		fclose(trace->file);
	pthread_mutex_destroy(&trace->lock);
	free(trace);
}

/* trace->lock held. */
static int64_t write_lines(struct syscall_trace *trace, const uint8_t *batch, size_t len_bytes)
{
	char line[LINE_BYTES];
	int64_t count = 0;

	while (len_bytes) {
		const int64_t bytes = syscall_trace_format(batch, len_bytes, line, sizeof(line));

		if (bytes < 0)
			return bytes;
		if (!trace->broken)
			fprintf(trace->file, "%s\n", line);
		batch += bytes;
		len_bytes -= (size_t)bytes;
		count++;
	}
	return count;
}

int64_t syscall_trace_write(struct syscall_trace *trace, const uint8_t *batch, size_t len_bytes)
{
	pthread_mutex_lock(&trace->lock);
	const int64_t count = write_lines(trace, batch, len_bytes);

	if (!trace->broken && (fflush(trace->file) || ferror(trace->file))) {
		fprintf(stderr, "vitrine: --strace: %s; tracing stops, the VM goes on\n",
			strerror(errno));
		trace->broken = true;
	}
	pthread_mutex_unlock(&trace->lock);
	return count;
}
