/* SPDX-License-Identifier: MIT
 *
 * See random.h.
 */
#include "guest/fs/random.h"

#include "guest/arch/insn.h"
#include "guest/arch/spinlock.h"
#include "guest/lib/string.h"

#define WORDS 16
#define KEY_WORDS 8

static struct spinlock lock;
static uint32_t key[KEY_WORDS];
static uint64_t counter;
static bool is_started;

static uint32_t rotate(uint32_t value, unsigned bits)
{
	return value << bits | value >> (32 - bits);
}

static void quarter_round(uint32_t *s, unsigned a, unsigned b, unsigned c, unsigned d)
{
	s[a] += s[b], s[d] = rotate(s[d] ^ s[a], 16);
	s[c] += s[d], s[b] = rotate(s[b] ^ s[c], 12);
	s[a] += s[b], s[d] = rotate(s[d] ^ s[a], 8);
	s[c] += s[d], s[b] = rotate(s[b] ^ s[c], 7);
}

/* RFC 8439 §2.3.1, with a 64-bit counter and no nonce: no key makes two streams. */
static void make_block(uint32_t out[WORDS])
{
	uint32_t in[WORDS] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

	memcpy(in + 4, key, sizeof(key));
	in[12] = (uint32_t)counter;
	in[13] = (uint32_t)(counter >> 32);
	counter++;
	memcpy(out, in, sizeof(in));
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 4; i++)
			quarter_round(out, i, i + 4, i + 8, i + 12);
		for (unsigned i = 0; i < 4; i++)
			quarter_round(out, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
	}
	for (unsigned i = 0; i < WORDS; i++)
		out[i] += in[i];
}

/* The old key can't be computed from what follows. */
static void change_key(void)
{
	uint32_t block[WORDS];

	make_block(block);
	memcpy(key, block, sizeof(key));
}

/* No RDRAND: an emulator of ring 0 that doesn't know it would end the machine instead of faulting. */
static void start(void)
{
	is_started = true;
	for (unsigned i = 0; i < KEY_WORDS; i++) {
		key[i] ^= (uint32_t)(tsc_read() * 0x9e3779b97f4a7c15 >> 32);
		change_key();
	}
}

void random_bytes(void *to, size_t bytes)
{
	const uint64_t flags = spin_lock(&lock);
	uint32_t block[WORDS];

	if (!is_started)
		start();
	for (char *at = to; bytes;) {
		const size_t now = bytes < sizeof(block) ? bytes : sizeof(block);

		make_block(block);
		memcpy(at, block, now);
		at += now;
		bytes -= now;
	}
	change_key();
	spin_unlock(&lock, flags);
}

void random_mix(const void *from, size_t bytes)
{
	const uint8_t *data = from;
	const uint64_t flags = spin_lock(&lock);

	if (!is_started)
		start();
	for (size_t i = 0; i < bytes; i++) {
		((uint8_t *)key)[i % sizeof(key)] ^= data[i];
		if (i % sizeof(key) == sizeof(key) - 1 || i == bytes - 1)
			change_key();
	}
	spin_unlock(&lock, flags);
}
