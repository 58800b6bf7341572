/* SPDX-License-Identifier: MIT
 *
 * See inet_sum.h. A word's byte order is that of memory throughout (RFC 1071 §2 B): on this
 * little-endian host sums of loaded words are stored as they are.
 */
#include "dev/inet_sum.h"

#include <arpa/inet.h>

#include "backend/net_header.h"

static uint16_t fold(uint64_t sum)
{
	return (uint16_t)~net_checksum_fold(sum);
}

/* A piece that begins in the middle of a word counts with its bytes exchanged (RFC 1071 §2 B). */
void inet_sum_add(struct inet_sum *sum, const void *data, size_t len_bytes)
{
	uint64_t part = net_checksum_add(0, data, len_bytes);

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
