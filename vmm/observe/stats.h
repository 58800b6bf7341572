/* SPDX-License-Identifier: MIT
 *
 * --stats: what a run cost, at its end. Text for people, one JSON object for programs (its keys are
 * described in docs/observing.md and stay as they are).
 */
#ifndef VITRINE_OBSERVE_STATS_H
#define VITRINE_OBSERVE_STATS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bus/vm_control.h"
#include "kvm/stats_fd.h"
#include "observe/counters.h"

/* Accesses to one window of a device. */
struct stats_window {
	const char *device; /* "com1" */
	unsigned region;
	uint64_t reads;
	uint64_t writes;
};

/* One queue of a device. */
struct stats_queue {
	const char *device; /* "disk0" */
	const char *model;  /* "virtio-pci" */
	struct queue_counters counters;
};

/* What a device has to tell beside. */
struct stats_figure {
	const char *device; /* "balloon0" */
	const char *model;  /* "virtio-pci" */
	struct device_figure figure;
};

/* Everything is borrowed; what is not known is NULL or 0. */
struct stats_input {
	const struct vcpu_counters *vcpu; /* one of each vCPU */
	unsigned vcpu_count;
	uint64_t run_ns;	 /* first KVM_RUN to the end */
	uint64_t startup_kvm_ns; /* CPU time from exec to the first KVM_RUN: in KVM's ioctls, … */
	uint64_t startup_vitrine_ns; /* … and the rest of it; both 0: not known */
	uint64_t teardown_kvm_ns;    /* the same from the last exit until everything is closed */
	uint64_t teardown_vitrine_ns;
	enum vm_end end;
	uint32_t end_value;	  /* as in vm_control.h */
	const char *image;	  /* boot_report's description */
	const char *image_detail; /* and detail */
	const struct stats_window *window;
	unsigned window_count;
	const struct stats_queue *queue;
	unsigned queue_count;
	const struct stats_figure *figure;
	unsigned figure_count;
	uint64_t tsc_hz;	     /* of the latency histograms; 0: not known */
	const struct kvm_stats *kvm; /* NULL: this kernel has no statistics files */
};

/* 0 or -EIO. */
int stats_print(FILE *out, const struct stats_input *input, bool json);

/* The parts about queues (stats_queues.c) and figures (stats_figures.c). */
struct json;
void stats_print_queues(FILE *out, const struct stats_input *input);
void stats_json_queues(struct json *j, const struct stats_input *input);
void stats_print_figures(FILE *out, const struct stats_input *input);
void stats_json_figures(struct json *j, const struct stats_input *input);

/* 1234567 as "1,234,567". */
const char *stats_grouped(uint64_t value, char text[32]);

#endif
