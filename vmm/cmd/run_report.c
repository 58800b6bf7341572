/* SPDX-License-Identifier: MIT
 *
 * See run_report.h.
 */
#include "cmd/run_report.h"

#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "loop/clock.h"

static void add_counters(struct vcpu_counters *sum, const struct vcpu_counters *part)
{
	for (unsigned i = 0; i < EXIT_REASON_COUNT; i++)
		sum->exits[i] += part->exits[i];
	sum->unmapped_reads += part->unmapped_reads;
	sum->unmapped_writes += part->unmapped_writes;
	sum->rom_writes += part->rom_writes;
}

/* The windows of each power cycle are the same, in the same order. */
static void add_windows(struct run_report *report, const struct bus *bus)
{
	unsigned at = 0;

	for (unsigned space = 0; space < BUS_SPACE_COUNT; space++) {
		for (unsigned i = 0; i < bus->window_count[space]; i++, at++) {
			const struct bus_window *window = &bus->window[space][i];

			report->window[at].device = window->name;
			report->window[at].region = window->region;
			report->window[at].reads += window->reads;
			report->window[at].writes += window->writes;
		}
	}
	report->window_count = at;
}

void run_report_gather(struct run_report *report, struct machine *machine, uint64_t run_ns)
{
	struct vm *vm = machine_vm(machine);

	for (unsigned i = 0; i < vm_vcpu_count(vm); i++)
		add_counters(&report->vcpu[i], vcpu_get_counters(vm_vcpu(vm, i)));
	add_windows(report, machine_bus(machine));
	kvm_stats_free(&report->kvm);
	report->kvm = (struct kvm_stats){0};
	vm_collect_stats(vm, &report->kvm);
	if (!report->run_ns)
		report->startup = vm_startup_cost(vm);
	report->boot = *machine_boot_report(machine);
	report->run_ns += run_ns;
	report->last_exit_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void run_report_print(struct run_report *report, unsigned vcpu_count, enum vm_end end,
		      uint32_t value, bool json)
{
	const struct stats_input input = {
		.vcpu = report->vcpu,
		.vcpu_count = vcpu_count,
		.run_ns = report->run_ns,
		.startup_kvm_ns = report->startup.kvm_ns,
		.startup_vitrine_ns = report->startup.process_ns - report->startup.kvm_ns,
		.teardown_kvm_ns = report->teardown_kvm_ns,
		.teardown_vitrine_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) -
				       report->last_exit_ns - report->teardown_kvm_ns,
		.end = end,
		.end_value = value,
		.image = report->boot.description,
		.image_detail = report->boot.detail,
		.window = report->window,
		.window_count = report->window_count,
		.kvm = report->kvm.count ? &report->kvm : NULL,
	};

	stats_print(json ? stdout : stderr, &input, json);
	kvm_stats_free(&report->kvm);
}

static int status_of_debug_exit(uint32_t value)
{
	if (value > 0x7f)
		fprintf(stderr,
			"vitrine: the guest ended with %u (0x%x), more than a status can hold: only its "
			"low 7 bits are kept\n",
			value, value);
	return (int)((value & 0x7f) << 1) | 1;
}

int run_exit_status(const struct run_options *options, enum vm_end end, uint32_t value)
{
	switch (end) {
	case VM_END_POWEROFF: return VITRINE_EXIT_OK;
	case VM_END_USER_QUIT: return VITRINE_EXIT_OK;
	case VM_END_DEBUG_EXIT: return status_of_debug_exit(value);
	case VM_END_RESET: return VITRINE_EXIT_RESET;
	case VM_END_TRIPLE_FAULT: return VITRINE_EXIT_TRIPLE_FAULT;
	case VM_END_PANIC:
		fputs("vitrine: the guest panicked\n", stderr);
		return VITRINE_EXIT_PANIC;
	case VM_END_TIMEOUT:
		fprintf(stderr, "vitrine: the guest was still running after %g s (--timeout)\n",
			options->timeout_ms / 1000.0);
		return VITRINE_EXIT_TIMEOUT;
	default: return VITRINE_EXIT_HOST;
	}
}
