/* SPDX-License-Identifier: MIT
 *
 * The page before the vDSO's code: what a program needs to read the clock by itself. The kernel and the
 * hypervisor write it, all programs can read it and nothing else is in the page.
 */
#ifndef GUEST_VDSO_DATA_H
#define GUEST_VDSO_DATA_H

#include <stdint.h>

#include "guest/hyper/pvclock.h"

enum vdso_mode {
	VDSO_SYSTEM_CALL, /* neither of these: as the kernel reads it */
	VDSO_KVMCLOCK,	  /* where KVM says that it's the same on all CPUs */
	VDSO_TSC
};

struct vdso_data {
	struct pvclock clock; /* the first CPU's; written by the hypervisor */
	uint64_t last_ns;     /* the latest time that the kernel has read: atomic */
	uint32_t mode;
	uint32_t wall_known;	 /* wall_offset_ns says something */
	uint64_t wall_offset_ns; /* real time is monotonic time plus this: atomic */
	uint64_t tsc_at_boot, ns_multiplier;
};

#endif
