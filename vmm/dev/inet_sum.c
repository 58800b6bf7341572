/* SPDX-License-Identifier: MIT
 *
 * See inet_sum.h. A word's byte order is that of memory throughout (RFC 1071 §2 B): on this
 * little-endian host sums of loaded words are stored as they are.
 */
#include "dev/inet_sum.h"

#include <arpa/inet.h>
#include <string.h>

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Data from an even offset on. Halves of eight bytes into 64 bits: no carry can get lost. */
static uint64_t add_even(const uint8_t *data, size_t len_bytes)
{
	uint64_t low = 0, high = 0, word;

	for (; len_bytes >= sizeof(word); data += sizeof(word), len_bytes -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		low += (uint32_t)word;
		high += word >> 32;
	}
	word = 0;
	memcpy(&word, data, len_bytes);
	return low + high + (uint32_t)word + (word >> 32);
}

/* A piece that begins in the middle of a word counts with its bytes exchanged (RFC 1071 §2 B). */
void inet_sum_add(struct inet_sum *sum, const void *data, size_t len_bytes)
{
	uint64_t part = add_even(data, len_bytes);

	sum->sum += sum->odd ? __builtin_bswap16(fold(part)) : part;
	sum->odd ^= len_bytes & 1;
}

void inet_sum_add_number(struct inet_sum *sum, uint16_t number)
{
	sum->sum += htons(number);
}

uint16_t inet_sum_fold(const struct inet_sum *sum)
{
	return fold(sum->sum);
}
