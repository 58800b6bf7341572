/* SPDX-License-Identifier: MIT
 *
 * See block_pace.h.
 *
 * A limit is a bucket that fills evenly; it is kept as the time at which it will be full again. A request costs
 * its share of a second and may start when the bucket holds more than nothing, so that after a rest BURST_NS
 * worth of requests go at once.
 */
#include "backend/block_pace.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "backend/block.h"
#include "backend/block_hdd.h"

#define SECOND_NS 1000000000u
#define BURST_NS (SECOND_NS / 10)

struct limit {
	uint64_t per_s; /* 0: none */
	uint64_t full_ns;
};

struct block_pace {
	pthread_mutex_t lock;
	struct limit requests;
	struct limit bytes;
	bool is_hdd;
	struct block_hdd hdd;
	uint64_t last_due_ns;
};

int block_pace_create(const struct block_options *options, uint64_t size_bytes,
		      struct block_pace **out)
{
	struct block_pace *pace;

	*out = NULL;
	if (!options->iops && !options->bytes_per_s && !options->seek_hdd)
		return 0;
	pace = calloc(1, sizeof(*pace));
	if (!pace)
		return -ENOMEM;
	pthread_mutex_init(&pace->lock, NULL);
	pace->requests.per_s = options->iops;
	pace->bytes.per_s = options->bytes_per_s;
	pace->is_hdd = options->seek_hdd;
	block_hdd_init(&pace->hdd, size_bytes);
	*out = pace;
	return 0;
}

void block_pace_destroy(struct block_pace *pace)
{
	if (!pace)
		return;
	pthread_mutex_destroy(&pace->lock);
	free(pace);
}

static uint64_t take(struct limit *limit, uint64_t now_ns, uint64_t units)
{
	uint64_t full_ns = limit->full_ns > now_ns ? limit->full_ns : now_ns;

	if (!limit->per_s || !units)
		return now_ns;
	limit->full_ns = full_ns + (uint64_t)((unsigned __int128)units * SECOND_NS / limit->per_s);
	return full_ns > now_ns + BURST_NS ? full_ns - BURST_NS : now_ns;
}

static bool moves_bytes(const struct block_request *request)
{
	return request->op == BLOCK_READ || request->op == BLOCK_WRITE;
}

/* The head does one thing at a time. */
static uint64_t seek(struct block_pace *pace, uint64_t start_ns,
		     const struct block_request *request)
{
	if (!pace->is_hdd || !moves_bytes(request))
		return start_ns;
	if (start_ns < pace->last_due_ns)
		start_ns = pace->last_due_ns;
	return start_ns + block_hdd_serve_ns(&pace->hdd, request->offset_bytes, request->len_bytes);
}

uint64_t block_pace_due_ns(struct block_pace *pace, uint64_t now_ns,
			   const struct block_request *request)
{
	uint64_t due_ns, bytes_due_ns;

	pthread_mutex_lock(&pace->lock);
	due_ns = take(&pace->requests, now_ns, 1);
	bytes_due_ns = take(&pace->bytes, now_ns, moves_bytes(request) ? request->len_bytes : 0);
	if (due_ns < bytes_due_ns)
		due_ns = bytes_due_ns;
	due_ns = seek(pace, due_ns, request);
	if (due_ns < pace->last_due_ns)
		due_ns = pace->last_due_ns;
	pace->last_due_ns = due_ns;
	pthread_mutex_unlock(&pace->lock);
	return due_ns;
}
