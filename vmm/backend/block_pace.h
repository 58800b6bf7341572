/* SPDX-License-Identifier: MIT
 *
 * When a request may start: iops=, bps= and seek=hdd. Time is an argument, so that this can be tested without any.
 */
#ifndef VITRINE_BACKEND_BLOCK_PACE_H
#define VITRINE_BACKEND_BLOCK_PACE_H

#include <stdint.h>

struct block_options;
struct block_pace;
struct block_request;

/* *out is NULL if the options ask for no pace. 0 or -ENOMEM. */
int block_pace_create(const struct block_options *options, uint64_t size_bytes,
		      struct block_pace **out);
void block_pace_destroy(struct block_pace *pace); /* NULL is fine */

/* Takes the request into account and returns when it is due: now_ns or later, and never before the one asked
 * for last. Any thread. */
uint64_t block_pace_due_ns(struct block_pace *pace, uint64_t now_ns,
			   const struct block_request *request);

#endif
