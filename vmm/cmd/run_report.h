/* SPDX-License-Identifier: MIT
 *
 * What `vitrine run` says at the end: counters of all power cycles, gathered before each machine goes.
 */
#ifndef VITRINE_CMD_RUN_REPORT_H
#define VITRINE_CMD_RUN_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "board/board.h"
#include "board/machine.h"
#include "bus/pci.h"
#include "cmd/run_options.h"
#include "kvm/stats_fd.h"
#include "observe/counters.h"
#include "observe/stats.h"

struct run_report {
	struct vcpu_counters vcpu[BOARD_CPU_MAX];
	struct stats_window
		window[BUS_SPACE_COUNT * BUS_WINDOW_MAX + BOARD_PLUGIN_MAX * PCI_BAR_COUNT];
	unsigned window_count;
	struct stats_queue *queue; /* of all devices, in their order */
	unsigned queue_count;
	struct stats_figure *figure;
	unsigned figure_count;
	uint64_t tsc_hz;
	struct kvm_stats kvm; /* of the last power cycle: KVM forgets the others with their VM */
	struct vm_startup_cost startup; /* of the first */
	struct boot_report boot;
	uint64_t
		last_exit_ns; /* of the process's CPU time, when the last power cycle's vCPUs stood */
	uint64_t teardown_kvm_ns; /* of it in KVM, since then */
	uint64_t run_ns;
};

/* The machine is stopped and about to be destroyed: adds its counters. */
void run_report_gather(struct run_report *report, struct machine *machine, uint64_t run_ns);

/* Text to standard error, JSON to standard output. Frees what was gathered. */
void run_report_print(struct run_report *report, unsigned vcpu_count, enum vm_end end,
		      uint32_t value, bool json);

/* The process's exit status for a VM that ended this way; says what needs saying about it. */
int run_exit_status(const struct run_options *options, enum vm_end end, uint32_t value);

#endif
