/* SPDX-License-Identifier: MIT
 *
 * See block_errors.h.
 */
#include "backend/block_errors.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/block_internal.h"
#include "loop/clock.h"

#define KINDS_MAX 16 /* more at a time are one kind together */
#define SILENCE_NS 60000000000u

struct kind {
	enum block_op op;
	int error;
	uint64_t said_ns; /* 0: this entry is free */
	uint64_t unsaid;
};

struct block_errors {
	struct kind kind[KINDS_MAX];
};

int block_errors_create(struct block_errors **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void block_errors_destroy(struct block_errors *errors)
{
	free(errors);
}

const char *block_errors_size(uint64_t bytes, char *text, size_t text_size)
{
	static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double number = (double)bytes;
	unsigned i = 0;

	while (number >= 1024 && i + 1 < sizeof(unit) / sizeof(*unit)) {
		number /= 1024;
		i++;
	}
	snprintf(text, text_size, i ? "%.1f %s" : "%.0f %s", number, unit[i]);
	return text;
}

static struct kind *find_kind(struct block_errors *errors, enum block_op op, int error)
{
	struct kind *kind = errors->kind;

	while (kind < errors->kind + KINDS_MAX - 1 && kind->said_ns &&
	       (kind->op != op || kind->error != error))
		kind++;
	return kind;
}

/* True if it is to be said; *unsaid: how many of its kind were not, since the last time. */
static bool worth_a_line(struct block_errors *errors, enum block_op op, int error, uint64_t *unsaid)
{
	struct kind *kind = find_kind(errors, op, error);
	uint64_t now_ns = clock_read_ns(CLOCK_MONOTONIC);

	if (kind->said_ns && now_ns - kind->said_ns < SILENCE_NS) {
		kind->unsaid++;
		return false;
	}
	*unsaid = kind->unsaid;
	*kind = (struct kind){.op = op, .error = error, .said_ns = now_ns};
	return true;
}

static const char *advice(int error)
{
	switch (error) {
	case -ENOSPC: return "; make room on the host: the guest sees I/O errors until then";
	case -EFBIG: return "; see 'ulimit -f'";
	case -EDQUOT: return "; see quota(1)";
	default: return "";
	}
}

void block_errors_report(struct block *block, const struct block_request *request, int error)
{
	static const char *const name[] = {"read", "write", "flush", "discard", "write of zeroes"};
	char place[64] = "", size[32], more[48] = "";
	uint64_t unsaid;
	bool say;

	pthread_mutex_lock(&block->lock);
	say = worth_a_line(block->errors, request->op, error, &unsaid);
	pthread_mutex_unlock(&block->lock);
	if (!say)
		return;
	if (request->op != BLOCK_FLUSH)
		snprintf(place, sizeof(place), " at %s (byte %llu)",
			 block_errors_size(request->offset_bytes, size, sizeof(size)),
			 (unsigned long long)request->offset_bytes);
	if (unsaid)
		snprintf(more, sizeof(more), " (and %llu times before)",
			 (unsigned long long)unsaid);
	fprintf(stderr, "vitrine: %s: %s%s: %s%s%s\n", block->path, name[request->op], place,
		strerror(-error), advice(error), more);
}
