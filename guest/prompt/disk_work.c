/* SPDX-License-Identifier: MIT
 *
 * One engine keeps a disk busy; a job says which request comes next and what its data is.
 */
#include "guest/prompt/disk_work.h"

#include <stddef.h>

#include "guest/lib/crc32.h"
#include "guest/lib/print.h"
#include "guest/mm/dma.h"
#include "guest/time/clock.h"

#define DEPTH_MAX 32
#define CHUNK_MAX 64 /* sectors */
#define CHUNK_BYTES (CHUNK_MAX * SECTOR_BYTES)
#define SECTOR_WORDS (SECTOR_BYTES / 8)
#define ANSWER_NS 30000000000ull
#define GOLDEN 0x9e3779b97f4a7c15ull

struct job {
	struct block_device *disk;
	enum block_operation operation;
	struct disk_range range;
	uint32_t chunk;	   /* sectors in a request; the last one may be shorter */
	uint64_t requests; /* 0: once through the range */
	unsigned depth;
	bool random;
	uint64_t seed;
	bool check; /* of what was read, against the pattern */
};

static struct dma buffers;
static struct block_request request[DEPTH_MAX];
static bool busy[DEPTH_MAX];

static uint64_t pattern(uint64_t word, uint64_t seed)
{
	return word * GOLDEN ^ seed;
}

static void fill(const struct block_request *r, uint64_t seed)
{
	const uint64_t first = r->sector * SECTOR_WORDS;
	uint64_t *word = r->data;

	for (uint64_t i = 0; i < (uint64_t)r->sector_count * SECTOR_WORDS; i++)
		word[i] = pattern(first + i, seed);
}

static bool is_pattern(const struct block_device *disk, const struct block_request *r,
		       uint64_t seed)
{
	const uint64_t first = r->sector * SECTOR_WORDS;
	const uint64_t *word = r->data;

	for (uint64_t i = 0; i < (uint64_t)r->sector_count * SECTOR_WORDS; i++)
		if (word[i] != pattern(first + i, seed)) {
			print("%s: sector %lu, byte %lu: %#lx instead of %#lx\n", disk->name,
			      r->sector + i / SECTOR_WORDS, i % SECTOR_WORDS * 8, word[i],
			      pattern(first + i, seed));
			return false;
		}
	return true;
}

static uint64_t position(const struct job *job, uint64_t index)
{
	const uint64_t places = job->range.count / job->chunk;

	if (!places)
		return job->range.start;
	if (job->random)
		index = pattern(index + 1, job->seed) >> 16;
	return job->range.start + (job->requests ? index % places : index) * job->chunk;
}

static unsigned free_request(void)
{
	unsigned i = 0;

	while (busy[i])
		i++;
	return i;
}

static bool submit(const struct job *job, uint64_t index)
{
	const unsigned i = free_request();
	const uint64_t sector = position(job, index);
	const uint64_t left = job->range.start + job->range.count - sector;

	request[i] = (struct block_request){
		.operation = job->operation,
		.sector = sector,
		.sector_count = left < job->chunk ? left : job->chunk,
		.gpa = buffers.gpa + i * CHUNK_BYTES,
		.data = (char *)buffers.at + i * CHUNK_BYTES,
	};
	if (job->operation == BLOCK_WRITE)
		fill(&request[i], job->seed);
	busy[i] = job->disk->submit(job->disk, &request[i]);
	return busy[i];
}

static bool complete(const struct job *job)
{
	const struct block_request *r = job->disk->complete(job->disk, ANSWER_NS);

	if (!r) {
		print("%s: no answer\n", job->disk->name);
		return false;
	}
	busy[r - request] = false;
	if (r->failed) {
		print("%s: %s of %u sectors at %lu failed\n", job->disk->name,
		      r->operation == BLOCK_WRITE ? "write" : "read", r->sector_count, r->sector);
		return false;
	}
	return !job->check || is_pattern(job->disk, r, job->seed);
}

static bool prepare(struct job *job)
{
	const struct block_device *disk = job->disk;

	if (!buffers.at && !dma_alloc(&buffers, (uint64_t)DEPTH_MAX * CHUNK_BYTES)) {
		print("no memory for buffers\n");
		return false;
	}
	if (job->depth > disk->depth)
		job->depth = disk->depth;
	if (job->depth > DEPTH_MAX)
		job->depth = DEPTH_MAX;
	if (job->chunk > disk->request_max)
		job->chunk = disk->request_max;
	return true;
}

/* All requests come back, after a failure too: the buffers are used again. */
static bool run(struct job *job)
{
	uint64_t next = 0, total;
	unsigned in_flight = 0;
	bool good = prepare(job);

	if (!good)
		return false;
	total = job->requests ? job->requests : (job->range.count + job->chunk - 1) / job->chunk;
	while (in_flight || (good && next < total)) {
		while (good && in_flight < job->depth && next < total && submit(job, next)) {
			in_flight++;
			next++;
		}
		if (!in_flight)
			return false;
		good &= complete(job);
		in_flight--;
	}
	return good;
}

bool disk_write_pattern(struct block_device *disk, struct disk_range range, uint64_t seed)
{
	struct job job = {.disk = disk,
			  .operation = BLOCK_WRITE,
			  .range = range,
			  .chunk = CHUNK_MAX,
			  .depth = DEPTH_MAX,
			  .seed = seed};

	return run(&job) && block_flush(disk);
}

bool disk_check_pattern(struct block_device *disk, struct disk_range range, uint64_t seed)
{
	struct job job = {.disk = disk,
			  .operation = BLOCK_READ,
			  .range = range,
			  .chunk = CHUNK_MAX,
			  .depth = DEPTH_MAX,
			  .seed = seed,
			  .check = true};

	return run(&job);
}

bool disk_sum(struct block_device *disk, struct disk_range range, uint32_t *crc)
{
	struct job job = {.disk = disk, .operation = BLOCK_READ, .chunk = CHUNK_MAX, .depth = 1};

	*crc = 0;
	while (range.count) {
		job.range = range;
		if (job.range.count > CHUNK_MAX)
			job.range.count = CHUNK_MAX;
		if (!run(&job))
			return false;
		*crc = crc32(*crc, buffers.at, job.range.count * SECTOR_BYTES);
		range.start += job.range.count;
		range.count -= job.range.count;
	}
	return true;
}

bool disk_measure(struct block_device *disk, uint64_t requests, unsigned depth,
		  uint32_t chunk_sectors, bool random, struct disk_speed *speed)
{
	struct job job = {.disk = disk,
			  .operation = BLOCK_READ,
			  .range = {0, disk->sector_count},
			  .chunk = chunk_sectors,
			  .depth = depth,
			  .requests = requests,
			  .random = random};
	const uint64_t start = clock_ns();
	const bool good = run(&job);

	*speed = (struct disk_speed){clock_ns() - start, requests};
	return good;
}
