/* SPDX-License-Identifier: MIT
 *
 * The table, and the word pv= of the command line.
 */
#include "guest/hyper/features.h"

#include "guest/board/machine.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"

#define WORDS_BYTES 128

const struct pv_feature_info pv_feature_info[PV_FEATURE_COUNT] = {
	[PV_CONSOLE] = {"console", "hypercalls that wrote to the console"},
	[PV_MULTICALL] = {"multicall", "batches of hypercalls, one exit each"},
	[PV_DOORBELL] = {"doorbell", "doorbells rung, without an exit to userspace"},
	[PV_CLOCK] = {"clock", "CPUs whose kvmclock the kernel reads"},
	[PV_VDSO] = {"vdso", "programs that were given the vDSO"},
	[PV_STEAL] = {"steal", "CPUs whose stolen time is counted"},
	[PV_EOI] = {"eoi", "interrupts whose end took no exit"},
	[PV_TLB] = {"tlb", "flushes left to the host: the CPU wasn't running"},
	[PV_KICK] = {"kick", "interrupts sent to several CPUs at once"},
	[PV_SPINLOCK] = {"spinlock", "waits for a lock that gave the CPU away"},
	[PV_ASYNC_PF] = {"asyncpf", "page faults of the host that others ran during"},
	[PV_BALLOON] = {"balloon", "pages given to the host now"},
};

enum pv_state pv_state[PV_FEATURE_COUNT];
uint64_t pv_count[PV_FEATURE_COUNT];

/* The next "-name" of a list with commas is switched off. */
static const char *switch_off(const char *at)
{
	const char *name = at + (*at == '-');
	unsigned length = 0;

	while (name[length] && name[length] != ',')
		length++;
	for (unsigned i = 0; i < PV_FEATURE_COUNT; i++)
		if (*at == '-' && strlen(pv_feature_info[i].name) == length &&
		    !strncmp(name, pv_feature_info[i].name, length)) {
			pv_state[i] = PV_OFF;
			return name + length;
		}
	print("pv=: no feature to switch off is called %s\n", at);
	return name + length;
}

void pv_init(void)
{
	char words[WORDS_BYTES];
	const char *at = words;

	if (!machine_option("pv", words, sizeof(words)))
		return;
	while (*at)
		at = *at == ',' ? at + 1 : switch_off(at);
}

bool pv_use(enum pv_feature feature, bool offered)
{
	if (offered && pv_state[feature] == PV_ABSENT)
		pv_state[feature] = PV_ON;
	return offered && pv_state[feature] == PV_ON;
}
