/* SPDX-License-Identifier: MIT
 *
 * The part of --stats about the queues of devices: a table, and a drawing of depth and latency for each queue that
 * was used. See stats.h.
 */
#include <inttypes.h>
#include <string.h>

#include "observe/json.h"
#include "observe/stats.h"

#define BAR_WIDTH 20u

static uint64_t largest(const uint64_t *bucket, unsigned count)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < count; i++)
		most = bucket[i] > most ? bucket[i] : most;
	return most;
}

static void print_bar(FILE *out, const char *label, uint64_t value, uint64_t most)
{
	unsigned length = (unsigned)((value * BAR_WIDTH + most - 1) / most);
	char text[32];

	fprintf(out, "    %-14s %14s  ", label, stats_grouped(value, text));
	for (unsigned i = 0; i < length; i++)
		fputc('#', out);
	fputc('\n', out);
}

static void print_depth(FILE *out, const struct queue_counters *c)
{
	uint64_t most = largest(c->depth, QUEUE_DEPTH_BUCKETS);
	char label[32];

	fputs("    requests in flight when one came\n", out);
	for (unsigned i = 0; i < QUEUE_DEPTH_BUCKETS; i++) {
		if (!c->depth[i])
			continue;
		if (i == 0)
			snprintf(label, sizeof(label), "1");
		else
			snprintf(label, sizeof(label), "%u-%u", 1u << i, (2u << i) - 1);
		print_bar(out, label, c->depth[i], most);
	}
}

/* Upper end of a bucket, in microseconds where the clock's rate is known. */
static void latency_label(unsigned bucket, uint64_t tsc_hz, char *label, size_t size)
{
	uint64_t ticks = (uint64_t)QUEUE_LATENCY_UNIT << bucket;

	if (bucket == QUEUE_LATENCY_BUCKETS - 1)
		snprintf(label, size, "more");
	else if (tsc_hz)
		snprintf(label, size, "< %.3g us", (double)ticks * 1e6 / (double)tsc_hz);
	else
		snprintf(label, size, "< %" PRIu64 " ticks", ticks);
}

static void print_latency(FILE *out, const struct queue_counters *c, uint64_t tsc_hz)
{
	uint64_t most = largest(c->latency, QUEUE_LATENCY_BUCKETS);
	char label[48];

	fputs("    time from taking a request to giving it back\n", out);
	for (unsigned i = 0; i < QUEUE_LATENCY_BUCKETS; i++) {
		if (!c->latency[i])
			continue;
		latency_label(i, tsc_hz, label, sizeof(label));
		print_bar(out, label, c->latency[i], most);
	}
}

static void print_queue(FILE *out, const struct stats_queue *queue, uint64_t tsc_hz)
{
	const struct queue_counters *c = &queue->counters;
	char text[4][32];

	fprintf(out, "  %s %s, %s: %s requests, %s bytes\n", queue->device, queue->model, c->name,
		stats_grouped(c->requests, text[0]), stats_grouped(c->bytes, text[1]));
	fprintf(out, "    %s kicks (an exit each), %s suppressed; %s interrupts, %s suppressed\n",
		stats_grouped(c->kicks, text[0]), stats_grouped(c->kicks_suppressed, text[1]),
		stats_grouped(c->interrupts, text[2]),
		stats_grouped(c->interrupts_suppressed, text[3]));
	if (largest(c->depth, QUEUE_DEPTH_BUCKETS))
		print_depth(out, c);
	if (largest(c->latency, QUEUE_LATENCY_BUCKETS))
		print_latency(out, c, tsc_hz);
}

void stats_print_queues(FILE *out, const struct stats_input *input)
{
	bool headed = false;

	for (unsigned i = 0; i < input->queue_count; i++) {
		if (!input->queue[i].counters.requests && !input->queue[i].counters.kicks)
			continue;
		if (!headed)
			fputs("queues\n", out);
		headed = true;
		print_queue(out, &input->queue[i], input->tsc_hz);
	}
}

static void json_histogram(struct json *j, const char *key, const uint64_t *bucket, unsigned count)
{
	json_array(j, key);
	for (unsigned i = 0; i < count; i++)
		json_u64(j, NULL, bucket[i]);
	json_end(j);
}

void stats_json_queues(struct json *j, const struct stats_input *input)
{
	json_u64(j, "tsc_hz", input->tsc_hz);
	json_array(j, "queues");
	for (unsigned i = 0; i < input->queue_count; i++) {
		const struct queue_counters *c = &input->queue[i].counters;

		json_object(j, NULL);
		json_string(j, "device", input->queue[i].device);
		json_string(j, "model", input->queue[i].model);
		json_string(j, "queue", c->name);
		json_u64(j, "requests", c->requests);
		json_u64(j, "bytes", c->bytes);
		json_u64(j, "kicks", c->kicks);
		json_u64(j, "kicks_suppressed", c->kicks_suppressed);
		json_u64(j, "interrupts", c->interrupts);
		json_u64(j, "interrupts_suppressed", c->interrupts_suppressed);
		json_u64(j, "exits", c->kicks);
		json_histogram(j, "depth", c->depth, QUEUE_DEPTH_BUCKETS);
		json_histogram(j, "latency", c->latency, QUEUE_LATENCY_BUCKETS);
		json_end(j);
	}
	json_end(j);
}
