/* SPDX-License-Identifier: MIT
 *
 * --trace dirty=FILE[,every=TIME]: one line per interval, with how many pages of RAM the guest has written in it.
 *
 *     time/ms    pages
 *     100.211      318
 */
#ifndef VITRINE_OBSERVE_DIRTY_TRACE_H
#define VITRINE_OBSERVE_DIRTY_TRACE_H

#include <stdint.h>
#include <stdio.h>

struct dirty_trace;
struct loop;

/* Pages written since its last call, or -errno: kvm/dirty.h, or a test. */
typedef int64_t dirty_count_fn(void *ctx);

/* Counts by itself in the loop's thread, every so many ms, between start and stop. 0 or -errno of opening the file.
 * Time zero is now. */
int dirty_trace_open(const char *path, unsigned every_ms, struct loop *loop,
		     struct dirty_trace **out);
void dirty_trace_start(struct dirty_trace *trace, dirty_count_fn *count,
		       void *ctx);		   /* NULL is fine */
void dirty_trace_stop(struct dirty_trace *trace);  /* with a last line; NULL is fine */
void dirty_trace_close(struct dirty_trace *trace); /* NULL is fine */

#endif
