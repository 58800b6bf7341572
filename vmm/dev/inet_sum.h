/* SPDX-License-Identifier: MIT
 *
 * The Internet checksum (RFC 1071) over data that comes in pieces of any length.
 */
#ifndef VITRINE_DEV_INET_SUM_H
#define VITRINE_DEV_INET_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begins zeroed. */
struct inet_sum {
	uint64_t sum; /* of 16-bit words in memory order, unfolded: good for 4 GiB */
	bool odd;     /* the next byte is the second one of a word */
};

void inet_sum_add(struct inet_sum *sum, const void *data, size_t len_bytes);

/* Adds a number of the host's byte order as one word. */
void inet_sum_add_number(struct inet_sum *sum, uint16_t number);

/* The sum so far as 16 bits, not complemented; memory order. */
uint16_t inet_sum_fold(const struct inet_sum *sum);

#endif
