/* SPDX-License-Identifier: MIT
 *
 * content_hash() is a tree of NH (the hash of UMAC, RFC 4418, with 64-bit words): pairs of words
 * are added to a random key, multiplied to 128 bits and summed. Seven instructions for 16 bytes. A
 * block of 1 KiB gives a digest of 16 bytes; 64 digests are a block of the next level, which has
 * its own key.
 */
#include "boot/hash.h"

#include <string.h>

#define BLOCK_WORDS (HASH_BLOCK_BYTES / sizeof(uint64_t))
#define DIGESTS_PER_BLOCK (HASH_BLOCK_BYTES / sizeof(struct content_hash))

/* Digests of a level that wait for their block to be full. */
struct level {
	struct content_hash digest[DIGESTS_PER_BLOCK];
	unsigned count;
};

static struct content_hash hash_block(const uint64_t *key, const void *block)
{
	const uint8_t *at = block;
	unsigned __int128 sum = 0;

#pragma GCC unroll 16
	for (unsigned i = 0; i < BLOCK_WORDS; i += 2) {
		uint64_t pair[2];

		memcpy(pair, at + i * sizeof *pair, sizeof pair);
		sum += (unsigned __int128)(pair[0] + key[i]) * (pair[1] + key[i + 1]);
	}
	return (struct content_hash){{(uint64_t)sum, (uint64_t)(sum >> 64)}};
}

/* Digest of what waits at a level, the rest of its block being zero. */
static struct content_hash flush(struct level *level, const uint64_t *key)
{
	memset(&level->digest[level->count], 0,
	       (DIGESTS_PER_BLOCK - level->count) * sizeof level->digest[0]);
	level->count = 0;
	return hash_block(key, level->digest);
}

static void push(struct level *level, unsigned at, const uint64_t *key, struct content_hash digest)
{
	for (; level[at].count == DIGESTS_PER_BLOCK - 1; at++) {
		level[at].digest[level[at].count++] = digest;
		digest = flush(&level[at], key + (at + 1) * BLOCK_WORDS);
	}
	level[at].digest[level[at].count++] = digest;
}

struct content_hash content_hash(const uint64_t *key, const uint8_t *bytes, size_t len_bytes)
{
	struct level level[HASH_LEVELS] = {0}; /* the last gets one: HASH_INPUT_MAX */
	uint8_t last[HASH_BLOCK_BYTES] = {0};

	for (; len_bytes >= HASH_BLOCK_BYTES; len_bytes -= HASH_BLOCK_BYTES) {
		push(level, 0, key, hash_block(key, bytes));
		bytes += HASH_BLOCK_BYTES;
	}
	if (len_bytes) {
		memcpy(last, bytes, len_bytes);
		push(level, 0, key, hash_block(key, last));
	}
	for (unsigned i = 0; i < HASH_LEVELS - 1; i++)
		if (level[i].count)
			push(level, i + 1, key, flush(&level[i], key + (i + 1) * BLOCK_WORDS));
	return level[HASH_LEVELS - 1].digest[0];
}

typedef uint64_t lanes __attribute__((vector_size(16)));

#define PAGE_BYTES 4096u
#define MIX_MULTIPLIER 0x9e3779b97f4a7c15ULL /* 2^64 / golden ratio, odd */

static uint64_t mix(uint64_t sum, uint64_t word)
{
	unsigned __int128 product = (unsigned __int128)(sum ^ word) * MIX_MULTIPLIER;

	return (uint64_t)product ^ (uint64_t)(product >> 64) ^ word;
}

/* Words of a page are summed in eight lanes: one instruction for 16 bytes. The sums of the pages
 * are chained, so that their order counts. */
uint64_t page_checksum(const void *bytes, size_t len_bytes)
{
	uint64_t sum = len_bytes;

	for (const lanes *at = bytes, *end = at + len_bytes / sizeof *at; at < end;) {
		lanes a = {0}, b = {0}, c = {0}, d = {0};

#pragma GCC unroll 8
		for (unsigned i = 0; i < PAGE_BYTES / sizeof *at / 4; i++, at += 4) {
			a += at[0];
			b += at[1];
			c += at[2];
			d += at[3];
		}
		sum = mix(mix(mix(mix(sum, a[0]), a[1]), b[0]), b[1]);
		sum = mix(mix(mix(mix(sum, c[0]), c[1]), d[0]), d[1]);
	}
	return sum;
}
