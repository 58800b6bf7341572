/* SPDX-License-Identifier: MIT
 *
 * The limits that control groups set to this process, of version 2 and of version 1.
 */
#ifndef VITRINE_KVM_PROBE_CGROUP_H
#define VITRINE_KVM_PROBE_CGROUP_H

#include <stdint.h>

#define CGROUP_UNLIMITED UINT64_MAX

struct cgroup_limits {
	uint64_t memory_bytes, pids;
	uint64_t cpu_percent; /* 100: one CPU */
};

/* The tightest limit of each kind over all groups of this process and their ancestors. Files are
 * looked for under root ("" in earnest). */
void cgroup_read_limits(const char *root, struct cgroup_limits *limits);

#endif
