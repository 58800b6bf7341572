/* SPDX-License-Identifier: MIT
 *
 * KVM's own counters through its binary statistics interface (Linux 5.14;
 * Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD).
 */
#ifndef VITRINE_KVM_STATS_FD_H
#define VITRINE_KVM_STATS_FD_H

#include <stddef.h>
#include <stdint.h>

#define KVM_STAT_NAME_BYTES 48

struct kvm_stat {
	char name[KVM_STAT_NAME_BYTES]; /* KVM's: "exits", "pf_fixed" */
	uint64_t value;
};

struct kvm_stats {
	struct kvm_stat *stat; /* in KVM's order; owned */
	unsigned count;
};

/* The statistics file of a VM or a vCPU, by KVM's descriptor of it. KVM makes the caller wait while that vCPU
 * runs, so it is opened before. A descriptor that is the caller's; -ENOTSUP: an older kernel; -errno. */
int kvm_stats_open(int object_fd);

/* What stands in these statistics files (the VM's first, then its vCPUs'), added up over all of them. Any
 * thread, also while vCPUs run; free with kvm_stats_free(). 0 or -errno; -EBADF: one isn't open. */
int kvm_stats_collect(const int *stats_fd, unsigned count, struct kvm_stats *out);
void kvm_stats_free(struct kvm_stats *stats);

/* By name; NULL: KVM has no such counter. */
const struct kvm_stat *kvm_stats_find(const struct kvm_stats *stats, const char *name);

/* What stands in one statistics file, added to stats: names not yet there are appended. Histograms
 * are left out. 0, -EPROTO (makes no sense; stats may hold a part), -ENOMEM. For collect and tests. */
int kvm_stats_add(struct kvm_stats *stats, const void *file, size_t size_bytes);

#endif
