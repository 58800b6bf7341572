/* SPDX-License-Identifier: MIT
 *
 * How long the ways out of the VM and back take.
 */
#ifndef GUEST_PROMPT_MEASURE_H
#define GUEST_PROMPT_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

struct measure_result {
	uint64_t min_ns, mean_ns;
};

/* Each does its thing rounds times. The bool ones return false if the machine doesn't have it. */
void measure_hypercall(unsigned rounds, struct measure_result *result);
bool measure_doorbell(unsigned rounds, struct measure_result *result);
bool measure_kvm_hypercall(unsigned rounds, struct measure_result *result);

/* Prints a table of these and of port, LAPIC and CPUID accesses. */
void measure_print_all(unsigned rounds);

#endif
