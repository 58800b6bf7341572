/* SPDX-License-Identifier: MIT
 *
 * How often something may be told in the kernel log: a burst in each interval, then a line with how many
 * were left out.
 */
#ifndef GUEST_LIB_RATE_H
#define GUEST_LIB_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/arch/spinlock.h"

struct rate {
	uint32_t burst;
	uint64_t interval_ns;
	const char *what; /* in the plural */
	uint64_t since_ns;
	uint32_t told, left_out;
	struct spinlock lock;
};

/* Whether one more may be told now. From any context but print()'s own. */
bool rate_allows(struct rate *rate);

#endif
