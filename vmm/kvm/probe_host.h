/* SPDX-License-Identifier: MIT
 *
 * What the host's /proc, /sys, /dev and CPUID say about running VMs: facts only, no judgement, no
 * ioctl of KVM.
 */
#ifndef VITRINE_KVM_PROBE_HOST_H
#define VITRINE_KVM_PROBE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm/probe_cgroup.h"

/* Can a special file be opened for reading and writing? */
enum host_access { HOST_ACCESS_MISSING, HOST_ACCESS_DENIED, HOST_ACCESS_OK };

struct host_kvm_device {
	enum host_access access;
	bool is_char_device;
	unsigned mode;	   /* permission bits */
	char group[32];	   /* of the file; empty: nameless */
	bool kvm_group;	   /* /etc/group has a group kvm */
	bool in_kvm_group; /* this process is in it */
	bool is_root;
};

struct host_facts {
	char kernel[64];
	char cpu_model[64];
	char hypervisor[16];	   /* CPUID leaf 4000_0000h, if hypervisor_bit */
	bool hypervisor_bit;	   /* this host is a virtual machine itself */
	bool cpuid_vmx, cpuid_svm; /* the CPU's own word */
	bool flag_vmx, flag_svm;   /* /proc/cpuinfo: what firmware and kernel left of it */
	bool module_intel, module_amd, module_pvm;
	unsigned cpu_count, cpu_allowed; /* online; in this process's affinity mask */
	uint64_t memory_bytes, memory_free_bytes;

	struct host_kvm_device kvm;
	/* Module parameters: 0, 1, or -1 where there is none. */
	int ept, npt, unrestricted_guest, nested;
	int64_t halt_poll_ns; /* -1: unknown */
	char nx_huge_pages[16];
	bool favordynmods;

	char thp[16], thp_shmem[16]; /* "always", "madvise", "never", …; empty: unknown */
	uint64_t hugetlb_pages, hugetlb_free, hugetlb_page_bytes;
	int overcommit; /* vm.overcommit_memory; -1: unknown */

	int io_uring_error; /* 0: works, else errno */
	enum host_access vhost_net, tun;

	struct cgroup_limits cgroup;
};

/* Reads everything. Files are looked for under root ("" in earnest; a test has its own tree);
 * CPUID, the affinity mask, io_uring and the user's groups are those of this process always. */
void host_facts_read(const char *root, struct host_facts *facts);

#endif
