/* SPDX-License-Identifier: MIT
 *
 * The paravirtual features: which are on, why the others are not, and how often each was used. The word
 * pv=-NAME,… of the command line switches some off, to measure what they give (docs/paravirtual.md).
 */
#ifndef GUEST_HYPER_FEATURES_H
#define GUEST_HYPER_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

enum pv_feature {
	PV_CONSOLE,
	PV_MULTICALL,
	PV_DOORBELL,
	PV_CLOCK,
	PV_VDSO,
	PV_STEAL,
	PV_EOI,
	PV_TLB,
	PV_KICK,
	PV_SPINLOCK,
	PV_ASYNC_PF,
	PV_BALLOON,
	PV_FEATURE_COUNT
};

enum pv_state { PV_ABSENT, PV_OFF, PV_ON }; /* not offered by the host; switched off; in use */

struct pv_feature_info {
	const char *name, *counts; /* what pv_count[] is of */
};
extern const struct pv_feature_info pv_feature_info[PV_FEATURE_COUNT];

extern enum pv_state pv_state[PV_FEATURE_COUNT];
extern uint64_t pv_count[PV_FEATURE_COUNT]; /* not atomic: a lost count is no matter */

/* Reads the command line. Before everything that asks. */
void pv_init(void);

/* Asked by who would use the feature, on each CPU alike: whether to, which is from then on what the table
 * says. */
bool pv_use(enum pv_feature feature, bool offered);

static inline bool pv_is_on(enum pv_feature feature)
{
	return pv_state[feature] == PV_ON;
}

static inline void pv_counted(enum pv_feature feature)
{
	pv_count[feature]++;
}

#endif
