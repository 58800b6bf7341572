/* SPDX-License-Identifier: MIT
 *
 * /dev/hyper of the bundled guest: the kernel runs a counted loop of one way out of the VM and back, and says
 * how long it took and how many exits it was. For root. Shared by kernel and programs.
 *
 *   struct hyper_loop loop = {.kind = HYPER_CALL, .count = 1000};
 *   ioctl(open("/dev/hyper", O_RDWR), HYPER_LOOP, &loop);
 */
#ifndef LABS_HYPER_H
#define LABS_HYPER_H

#include <stdint.h>

enum hyper_kind {
	HYPER_NOTHING, /* an empty function; with count 0, a system call that does no more than this one must */
	HYPER_CALL,	  /* hypercalls served by the VMM, one exit each */
	HYPER_BATCH,	  /* the same, batch of them with one exit */
	HYPER_KVM_CALL,	  /* hypercalls served by KVM itself (vmcall, vmmcall) */
	HYPER_DOORBELL,	  /* a doorbell: KVM tells the VMM, the guest goes on */
	HYPER_PORT_WRITE, /* the scratch register of the UART, a device of the VMM */
	HYPER_PORT_READ,
	HYPER_MMIO_WRITE, /* PCI configuration space in memory, a device of the VMM; changes nothing */
	HYPER_MMIO_READ,
	HYPER_LAPIC_READ, /* a device of KVM */
	HYPER_CPUID,
	HYPER_KINDS
};

#define HYPER_BATCH_MAX 64
#define HYPER_COUNT_MAX 10000000
#define HYPER_NO_EXITS UINT64_MAX /* exits: nobody here counts them */

struct hyper_loop {
	uint32_t kind;	    /* in: enum hyper_kind */
	uint32_t batch;	    /* in: for HYPER_BATCH, 1 to HYPER_BATCH_MAX; else 0 */
	uint64_t count;	    /* in: how often, at most HYPER_COUNT_MAX */
	uint64_t done;	    /* out: how often really; a signal ends the loop early */
	uint64_t tsc, ns;   /* out: how long, without what is around the loop */
	uint64_t exits;	    /* out: of the whole VM meanwhile, interrupts' and other CPUs' too */
	uint64_t userspace; /* out: those of them that the VMM served */
};

/* ENODEV: this machine hasn't it; EINVAL: kind, batch or count. */
#define HYPER_LOOP 0xc0384801u /* _IOWR('H', 1, struct hyper_loop) */

#endif
