/* SPDX-License-Identifier: MIT
 *
 * The exit trace: formats a line, appends it to a buffer under a lock, writes the buffer out when it
 * is full or old. See trace.h.
 */
#include "observe/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hypercall.h"
#include "observe/known_places.h"
#include "observe/line.h"

#define BUFFER_BYTES (256u * 1024)
#define LINE_MAX_BYTES 384u
#define FLUSH_INTERVAL_NS UINT64_C(1000000000)

static const char heading[] = "vcpu      time/us    took/us  reason          what\n";

struct trace {
	int fd;
	const char *path; /* owned; for the warning */
	uint64_t start_ns;
	uint64_t flush_interval_ns;
	bool with_registers;
	pthread_mutex_t lock; /* all below */
	uint64_t flushed_ns;
	bool broken;
	size_t used_bytes;
	char buffer[BUFFER_BYTES];
};

/* --- one line --- */

static bool is_write(enum exit_reason reason)
{
	return reason == EXIT_PIO_WRITE || reason == EXIT_MMIO_WRITE;
}

static void add_character(struct line *line, uint64_t value)
{
	static const char from[] = "\n\r\t\b\a\f\v\033", to[] = "nrtbafve";
	const char *escape = value && value < 0x80 ? strchr(from, (int)value) : NULL;

	if (escape)
		line_add(line, " '\\%c'", to[escape - from]);
	else if (value >= 0x20 && value < 0x7f)
		line_add(line, " '%c'", (int)value);
}

/* Returns whether the register carries text. */
static bool add_place(struct line *line, const struct trace_exit *exit)
{
	const struct bus_window *window = exit->window;
	bool port = exit->reason == EXIT_PIO_READ || exit->reason == EXIT_PIO_WRITE;

	if (!window || !window->dev) {
		const char *name = known_place(port ? BUS_PIO : BUS_MMIO, exit->address);

		line_add(line, "%s%snobody there", name ? name : "", name ? ", " : "");
		return false;
	}
	const struct device *dev = window->dev, *behind = NULL;
	uint64_t offset = exit->address - window->base;
	unsigned region = window->region;

	if (dev->ops->behind)
		behind = dev->ops->behind(dev, &region, &offset);
	if (behind)
		dev = behind;
	const char *name = dev->ops->register_name
				   ? dev->ops->register_name(region, offset, is_write(exit->reason))
				   : NULL;
	if (name)
		line_add(line, "%s %s", dev->name, name);
	else
		line_add(line, "%s +0x%" PRIx64, dev->name, offset);
	return name && (!strcmp(name, "THR") || !strcmp(name, "RBR"));
}

static void add_access(struct line *line, const struct trace_exit *exit)
{
	bool text = add_place(line, exit);

	line_add(line, " (0x%" PRIx64 "/%u", exit->address, exit->width);
	if (exit->count > 1)
		line_add(line, " x %u", exit->count);
	line_add(line, ") = 0x%" PRIx64, exit->value);
	if (text)
		add_character(line, exit->value);
}

static void add_hypercall(struct line *line, const struct trace_exit *exit)
{
	static const char *const names[HYPERCALL_COUNT] = {
		[HYPERCALL_FEATURES] = "features",
		[HYPERCALL_CONSOLE_WRITE] = "console-write",
		[HYPERCALL_YIELD] = "yield",
		[HYPERCALL_EXIT] = "exit",
		[HYPERCALL_POWEROFF] = "power-off",
		[HYPERCALL_PANIC] = "panic",
		[HYPERCALL_DOORBELL_COUNT] = "doorbell-count",
		[HYPERCALL_COUNTERS] = "counters",
		[HYPERCALL_MULTICALL] = "multicall",
		[HYPERCALL_TRACE] = "trace",
	};
	int64_t result = (int64_t)exit->value;
	bool known = exit->address < HYPERCALL_COUNT;

	line_add(line, "%s (#%" PRIu64 ")", known ? names[exit->address] : "unknown",
		 exit->address);
	const char *error = result < 0 && result > -4096 ? strerrorname_np((int)-result) : NULL;
	if (error)
		line_add(line, " = -%s", error);
	else
		line_add(line, " = 0x%" PRIx64, exit->value);
}

static bool ends_in_space(const struct line *line)
{
	return line->used && line->buf[line->used - 1] == ' ';
}

static void add_registers(struct line *line, const struct trace_registers *regs)
{
	line_add(line, "  rax 0x%" PRIx64 " rbx 0x%" PRIx64 " rcx 0x%" PRIx64 " rdx 0x%" PRIx64,
		 regs->rax, regs->rbx, regs->rcx, regs->rdx);
	line_add(line, " rsi 0x%" PRIx64 " rdi 0x%" PRIx64 " rsp 0x%" PRIx64 " rflags 0x%" PRIx64,
		 regs->rsi, regs->rdi, regs->rsp, regs->rflags);
}

static void add_what(struct line *line, const struct trace_exit *exit)
{
	switch (exit->reason) {
	case EXIT_PIO_READ:
	case EXIT_PIO_WRITE:
	case EXIT_MMIO_READ:
	case EXIT_MMIO_WRITE: add_access(line, exit); break;
	case EXIT_HYPERCALL: add_hypercall(line, exit); break;
	case EXIT_IOAPIC_EOI: line_add(line, "vector 0x%" PRIx64, exit->address); break;
	case EXIT_SHUTDOWN: line_add(line, "triple fault"); break;
	case EXIT_HLT:
	case EXIT_DEBUG:
	case EXIT_INTERRUPTED: break;
	default: line_add(line, "0x%" PRIx64, exit->value); break;
	}
	if (exit->rip)
		line_add(line, "%srip 0x%" PRIx64, ends_in_space(line) ? "" : "  ", exit->rip);
	if (exit->registers)
		add_registers(line, exit->registers);
}

int trace_format(const struct trace_exit *exit, uint64_t start_of_run_ns, char *buf,
		 unsigned size_bytes)
{
	struct line line = {buf, size_bytes, 0};
	uint64_t since = exit->start_ns - start_of_run_ns;

	if (!size_bytes)
		return 0;
	line_add(&line, "%-4u  %9" PRIu64 ".%03u ", exit->vcpu, since / 1000,
		 (unsigned)(since % 1000));
	if (exit->end_ns >= exit->start_ns) {
		uint64_t took = exit->end_ns - exit->start_ns;

		line_add(&line, "%6" PRIu64 ".%03u", took / 1000, (unsigned)(took % 1000));
	} else {
		line_add(&line, "%10s", "-");
	}
	line_add(&line, "  %-14s  ", exit_reason_name(exit->reason));
	add_what(&line, exit);
	while (ends_in_space(&line))
		line.used--;
	buf[line.used] = '\0';
	return (int)line.used;
}

/* --- the file --- */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int trace_open(const char *path, bool with_registers, struct trace **out)
{
	struct trace *trace = calloc(1, sizeof(*trace));

	if (!trace)
		return -ENOMEM;
	trace->fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
			 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	trace->with_registers = with_registers;
	trace->path = strdup(path ? path : "standard error");
	if (trace->fd < 0 || !trace->path) {
		int err = trace->fd < 0 ? -errno : -ENOMEM;

		if (trace->fd >= 0)
			close(trace->fd);
		free((char *)trace->path);
		free(trace);
		return err;
	}
	/* Somebody watches a terminal: no waiting there. */
	trace->flush_interval_ns = isatty(trace->fd) ? 0 : FLUSH_INTERVAL_NS;
	trace->start_ns = trace->flushed_ns = now_ns();
	trace->used_bytes = sizeof(heading) - 1;
	memcpy(trace->buffer, heading, trace->used_bytes);
	pthread_mutex_init(&trace->lock, NULL);
	*out = trace;
	return 0;
}

/* Something could not be written; false: it never will be. */
static bool may_retry(const struct trace *trace)
{
	struct pollfd pollfd = {.fd = trace->fd, .events = POLLOUT};

	if (errno == EINTR)
		return true;
	if (errno == EAGAIN) /* a terminal that somebody else made non-blocking */
		return poll(&pollfd, 1, -1) > 0 || errno == EINTR;
	fprintf(stderr, "vitrine: trace to %s: %s; tracing stops, the VM goes on\n", trace->path,
		strerror(errno));
	return false;
}

/* trace->lock held. */
static void flush_locked(struct trace *trace)
{
	size_t done = 0;

	while (done < trace->used_bytes && !trace->broken) {
		ssize_t n = write(trace->fd, trace->buffer + done, trace->used_bytes - done);

		if (n >= 0)
			done += (size_t)n;
		else
			trace->broken = !may_retry(trace);
	}
	trace->used_bytes = 0;
}

bool trace_wants_registers(const struct trace *trace)
{
	return trace->with_registers;
}

void trace_write(struct trace *trace, const struct trace_exit *exit)
{
	char text[LINE_MAX_BYTES];

	if (!trace)
		return;
	size_t len = (size_t)trace_format(exit, trace->start_ns, text, sizeof(text));
	text[len++] = '\n'; /* in place of the NUL */

	pthread_mutex_lock(&trace->lock);
	if (!trace->broken) {
		if (len > sizeof(trace->buffer) - trace->used_bytes)
			flush_locked(trace);
		memcpy(trace->buffer + trace->used_bytes, text, len);
		trace->used_bytes += len;
		if (exit->end_ns - trace->flushed_ns >= trace->flush_interval_ns) {
			flush_locked(trace);
			trace->flushed_ns = exit->end_ns;
		}
	}
	pthread_mutex_unlock(&trace->lock);
}

void trace_flush(struct trace *trace)
{
	if (!trace)
		return;
	pthread_mutex_lock(&trace->lock);
	flush_locked(trace);
	pthread_mutex_unlock(&trace->lock);
}

void trace_close(struct trace *trace)
{
	if (!trace)
		return;
	trace_flush(trace);
	pthread_mutex_destroy(&trace->lock);
	if (close(trace->fd) && !trace->broken)
		fprintf(stderr, "vitrine: trace to %s: %s\n", trace->path, strerror(errno));
	free((char *)trace->path);
	free(trace);
}

uint64_t trace_start_ns(const struct trace *trace)
{
	return trace->start_ns;
}
