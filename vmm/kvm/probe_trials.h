/* SPDX-License-Identifier: MIT
 *
 * The probes' bodies, to be run in a child by probe_child_run(). ctx and result as noted.
 */
#ifndef VITRINE_KVM_PROBE_TRIALS_H
#define VITRINE_KVM_PROBE_TRIALS_H

#include "kvm/probe.h"

/* How long a vCPU may stay in KVM_RUN before a signal asks it back. */
#define TRIAL_ALARM_MS 250
#define SPEED_MS 60

struct probe_speed {
	uint64_t per_s;
};
struct probe_start_up {
	struct probe_figure create_vm, create_irqchip, create_vcpu, tear_down;
};

void probe_trial_child(const void *trial, void *result); /* enum probe_trial, struct probe_result */
void probe_speed_child(const void *ring, void *result);	 /* unsigned, struct probe_speed */
void probe_exits_child(const void *cost, void *result);	 /* enum probe_cost, struct probe_figure */
void probe_wake_child(const void *ctx, void *result);	 /* NULL, struct probe_figure */
void probe_start_up_child(const void *ctx, void *result);      /* NULL, struct probe_start_up */
void probe_split_irqchip_child(const void *ctx, void *result); /* NULL, struct probe_figure */

#endif
