/* SPDX-License-Identifier: MIT
 *
 * How a device, a vCPU or the user asks for the end of a VM's run: the first request wins.
 */
#ifndef VITRINE_BUS_VM_CONTROL_H
#define VITRINE_BUS_VM_CONTROL_H

#include <stdatomic.h>
#include <stdint.h>

enum vm_end {
	VM_END_NONE,
	VM_END_POWEROFF,     /* the guest switched itself off */
	VM_END_RESET,	     /* the guest asked for a reset */
	VM_END_DEBUG_EXIT,   /* value: what was written to isa-debug-exit */
	VM_END_PANIC,	     /* the guest says it has panicked */
	VM_END_TRIPLE_FAULT, /* value: index of the vCPU */
	VM_END_TIMEOUT,	     /* --timeout */
	VM_END_USER_QUIT,    /* Ctrl-A x, second signal, --stop-timeout */
	VM_END_HOST_ERROR    /* KVM or the VMM failed; already reported */
};

struct vm_control {
	_Atomic uint64_t request; /* enum vm_end in the low, value in the high half */
	void (*wake)(void *ctx);  /* called by the winner, from its thread; may be NULL in tests */
	void *ctx;
};

/* Any thread, any lock held. The first request of a run is kept, later ones are ignored. */
void vm_control_request(struct vm_control *control, enum vm_end end, uint32_t value);

/* What has been requested so far; *value may be NULL. */
enum vm_end vm_control_pending(const struct vm_control *control, uint32_t *value);

/* "power-off", "reset", … */
const char *vm_end_name(enum vm_end end);

#endif
