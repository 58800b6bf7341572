/* SPDX-License-Identifier: MIT
 *
 * The hypercall page (abi/hypercall.h) from the guest's side.
 */
#ifndef GUEST_HYPER_HYPERCALL_H
#define GUEST_HYPER_HYPERCALL_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"

/* Maps and checks the page if the machine has one. */
void hypercall_init(void);

bool hypercall_available(void);

/* HYPERCALL_FEATURE_* as the page's header has them; 0 without a page. */
uint32_t hypercall_features(void);

/* A call served by the VMM: its result, or -ENOSYS (-38) without a page. */
int64_t hypercall(enum hypercall_number number, uint64_t a, uint64_t b);

/* Serves calls in their order, a result each, with one exit for HYPERCALL_MULTICALL_MAX of them; without
 * HYPERCALL_FEATURE_MULTICALL, or pv=-multicall, with one each. call is in the direct map, and no batch of 64
 * crosses out of RAM: one page, or more in a row. */
void hypercall_batch(struct hypercall_call *call, unsigned count);

/* Rings doorbell number; nothing without a page. */
void hypercall_doorbell(uint32_t number);

/* A call served by KVM itself, with the arguments that it takes; only with HYPERCALL_FEATURE_KVM_ENTRY. */
int64_t hypercall_kvm(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
#define KVM_HC_VAPIC_POLL_IRQ 1 /* does nothing: a round trip and no more */
#define KVM_HC_SEND_IPI 10

#endif
