/* SPDX-License-Identifier: MIT
 *
 * The local APIC of the running CPU (Intel SDM vol. 3 ch. 10), by MSRs if there is an x2APIC.
 */
#ifndef GUEST_ARCH_LAPIC_H
#define GUEST_ARCH_LAPIC_H

#include <stdbool.h>
#include <stdint.h>

/* Chooses xAPIC or x2APIC (never the latter with "xapic" on the command line). Once. */
void lapic_init(void);

/* Enables the running CPU's LAPIC, nothing but its timer still masked. */
void lapic_start(void);

uint32_t lapic_id(void);
bool lapic_is_x2apic(void);
void lapic_end_of_interrupt(void);

/* Timer: one interrupt each count bus clocks; 0 stops it. */
void lapic_timer_periodic(unsigned vector, uint32_t count);
/* Timer: one interrupt count bus clocks after lapic_timer_once(count). */
void lapic_timer_use_count(unsigned vector);
void lapic_timer_once(uint32_t count);
/* Timer: one interrupt when the TSC reaches what lapic_timer_deadline() is given. */
void lapic_timer_use_deadline(unsigned vector);
void lapic_timer_deadline(uint64_t tsc);
/* Timer: what is left of a count started with lapic_timer_periodic(). */
uint32_t lapic_timer_left(void);

/* Interrupt to one CPU; to all others an NMI that stops them in panic_stop_if_asked(). */
void lapic_send(uint32_t apic_id, unsigned vector);
void lapic_stop_others(void);

/* INIT, and startup at the page page_gpa (< 1 MiB), for one CPU. */
void lapic_send_init(uint32_t apic_id);
void lapic_send_startup(uint32_t apic_id, uint32_t page_gpa);

#endif
