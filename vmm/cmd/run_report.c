/* SPDX-License-Identifier: MIT
 *
 * See run_report.h.
 */
#include "cmd/run_report.h"

#include <stdio.h>
#include <stdlib.h>
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
static void add_window(struct run_report *report, unsigned at, const char *name, unsigned region,
		       uint64_t reads, uint64_t writes)
{
	struct stats_window *window = &report->window[at];

	window->device = name;
	window->region = region;
	window->reads += reads;
	window->writes += writes;
}

/* BARs of PCI functions are windows in the bridge's. */
static unsigned add_bars(struct run_report *report, unsigned at, const struct pci_function *fn)
{
	for (unsigned bar = 0; bar < PCI_BAR_COUNT; bar++)
		if (fn->bar[bar].size_bytes)
			add_window(report, at++, fn->dev.name, bar, fn->bar[bar].reads,
				   fn->bar[bar].writes);
	return at;
}

static void add_windows(struct run_report *report, struct machine *machine)
{
	const struct bus *bus = machine_bus(machine);
	unsigned at = 0;

	for (unsigned space = 0; space < BUS_SPACE_COUNT; space++) {
		for (unsigned i = 0; i < bus->window_count[space]; i++, at++) {
			const struct bus_window *window = &bus->window[space][i];

			add_window(report, at, window->name, window->region, window->reads,
				   window->writes);
		}
	}
	for (unsigned slot = 1; slot < PCI_SLOT_MAX; slot++)
		if (machine_pci_function(machine, slot))
			at = add_bars(report, at, machine_pci_function(machine, slot));
	report->window_count = at;
}

static void add_queue(struct queue_counters *sum, const struct queue_counters *part)
{
	memcpy(sum->name, part->name, sizeof(sum->name));
	sum->requests += part->requests;
	sum->bytes += part->bytes;
	sum->kicks += part->kicks;
	sum->kicks_suppressed += part->kicks_suppressed;
	sum->interrupts += part->interrupts;
	sum->interrupts_suppressed += part->interrupts_suppressed;
	for (unsigned i = 0; i < QUEUE_DEPTH_BUCKETS; i++)
		sum->depth[i] += part->depth[i];
	for (unsigned i = 0; i < QUEUE_LATENCY_BUCKETS; i++)
		sum->latency[i] += part->latency[i];
}

/* Entry number at, made if this is the first power cycle; NULL: out of memory. */
static struct stats_queue *queue_entry(struct run_report *report, unsigned at)
{
	struct stats_queue *grown;

	if (at < report->queue_count)
		return &report->queue[at];
	grown = realloc(report->queue, (at + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	report->queue = grown;
	report->queue_count = at + 1;
	grown[at] = (struct stats_queue){0};
	return &grown[at];
}

static void add_queues(struct run_report *report, struct machine *machine)
{
	struct device *dev;
	unsigned at = 0;

	for (unsigned i = 0; (dev = machine_device(machine, i)); i++) {
		struct queue_counters counters;

		for (unsigned q = 0; dev->ops->queue && dev->ops->queue(dev, q, &counters); q++) {
			struct stats_queue *entry = queue_entry(report, at++);

			if (!entry)
				return;
			entry->device = dev->name;
			entry->model = dev->ops->name;
			add_queue(&entry->counters, &counters);
		}
	}
}

/* The entry of a device's figure, made if it is new: a guest need not tell the same ones after a reset. NULL: out of
 * memory. */
static struct stats_figure *figure_entry(struct run_report *report, const struct device *dev,
					 const char *name)
{
	struct stats_figure *grown;

	for (unsigned i = 0; i < report->figure_count; i++)
		if (!strcmp(report->figure[i].device, dev->name) &&
		    !strcmp(report->figure[i].figure.name, name))
			return &report->figure[i];
	grown = realloc(report->figure, (report->figure_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	report->figure = grown;
	grown += report->figure_count++;
	*grown = (struct stats_figure){.device = dev->name, .model = dev->ops->name};
	grown->figure.name = name;
	return grown;
}

static void add_figures(struct run_report *report, struct machine *machine)
{
	struct device *dev;

	for (unsigned i = 0; (dev = machine_device(machine, i)); i++) {
		struct device_figure figure;

		for (unsigned f = 0; dev->ops->figure && dev->ops->figure(dev, f, &figure); f++) {
			struct stats_figure *entry = figure_entry(report, dev, figure.name);

			if (!entry)
				return;
			if (figure.adds_up)
				figure.value += entry->figure.value;
			entry->figure = figure;
		}
	}
}

void run_report_gather(struct run_report *report, struct machine *machine, uint64_t run_ns)
{
	struct vm *vm = machine_vm(machine);

	for (unsigned i = 0; i < vm_vcpu_count(vm); i++)
		add_counters(&report->vcpu[i], vcpu_get_counters(vm_vcpu(vm, i)));
	add_windows(report, machine);
	add_queues(report, machine);
	add_figures(report, machine);
	report->tsc_hz = vm_tsc_hz(vm);
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
		.queue = report->queue,
		.queue_count = report->queue_count,
		.figure = report->figure,
		.figure_count = report->figure_count,
		.tsc_hz = report->tsc_hz,
		.kvm = report->kvm.count ? &report->kvm : NULL,
	};

	stats_print(json ? stdout : stderr, &input, json);
	kvm_stats_free(&report->kvm);
	free(report->queue);
	report->queue = NULL;
	report->queue_count = 0;
	free(report->figure);
	report->figure = NULL;
	report->figure_count = 0;
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
