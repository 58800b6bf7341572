/* SPDX-License-Identifier: MIT
 *
 * The kernel log's protection from those who would fill it.
 */
#include "guest/lib/rate.h"

#include "guest/lib/print.h"
#include "guest/time/clock.h"

bool rate_allows(struct rate *rate)
{
	const uint64_t flags = spin_lock(&rate->lock), now = clock_ns();
	uint32_t left_out = 0;
	bool allowed;

	if (!rate->since_ns || now - rate->since_ns > rate->interval_ns) {
		left_out = rate->left_out;
		rate->since_ns = now;
		rate->told = rate->left_out = 0;
	}
	allowed = rate->told < rate->burst;
	rate->told += allowed;
	rate->left_out += !allowed;
	spin_unlock(&rate->lock, flags);
	if (left_out)
		print("%u more %s were not told\n", left_out, rate->what);
	return allowed;
}
