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

/* Counters of the VM, then those of its vCPUs, each added up over all of them. The descriptors are
 * KVM's. Any thread while they are open; free with kvm_stats_free(). 0; -ENOTSUP: an older kernel. */
int kvm_stats_collect(int vm_fd, const int *vcpu_fd, unsigned vcpu_count, struct kvm_stats *out);
void kvm_stats_free(struct kvm_stats *stats);

/* Value by name, 0 where there is none. */
uint64_t kvm_stats_value(const struct kvm_stats *stats, const char *name);

/* What stands in one statistics file, added to stats: names not yet there are appended. Histograms
 * are left out. 0, -EPROTO (makes no sense; stats may hold a part), -ENOMEM. For collect and tests. */
int kvm_stats_add(struct kvm_stats *stats, const void *file, size_t size_bytes);

#endif
