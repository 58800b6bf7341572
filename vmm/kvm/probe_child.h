/* SPDX-License-Identifier: MIT
 *
 * Runs one probe in a forked child under a time limit, so that a vCPU that never comes back costs
 * the limit and nothing else. Knows nothing of KVM.
 */
#ifndef VITRINE_KVM_PROBE_CHILD_H
#define VITRINE_KVM_PROBE_CHILD_H

#include <stddef.h>
#include <sys/types.h>

enum probe_child_end {
	PROBE_CHILD_OK,	      /* the result is filled in */
	PROBE_CHILD_FAILED,   /* it ended without a result, or there was no child at all */
	PROBE_CHILD_KILLED,   /* over the limit; SIGKILL ended it */
	PROBE_CHILD_ABANDONED /* over the limit, and SIGKILL didn't end it in time either */
};

/* The child's part: fills result; whatever it leaves open goes with its process. */
typedef void probe_child_fn(const void *ctx, void *result);

/* Forks, runs fn(ctx, result) there and fetches the result, at most PROBE_CHILD_RESULT_MAX bytes.
 * The child holds none of the caller's descriptors, so that even an abandoned one keeps no pipe or
 * terminal open. *pid names an abandoned child. Returns after limit_ms + 0.5 s at the latest. */
#define PROBE_CHILD_RESULT_MAX 4096
enum probe_child_end probe_child_run(probe_child_fn *fn, const void *ctx, void *result,
				     size_t result_bytes, unsigned limit_ms, pid_t *pid);

/* Sends the signal and waits for the end of a child: KILLED, or ABANDONED after wait_ms. */
enum probe_child_end probe_child_end(pid_t pid, int signal, unsigned wait_ms);

#endif
