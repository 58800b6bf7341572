/* SPDX-License-Identifier: MIT
 *
 * The Intel 8254 as a ruler, where nobody publishes frequencies.
 */
#ifndef GUEST_TIME_PIT_H
#define GUEST_TIME_PIT_H

#include <stdbool.h>
#include <stdint.h>

/* Measures TSC and LAPIC timer against it for 5 ms. false: there is no PIT. */
bool pit_measure(uint64_t *tsc_hz, uint64_t *lapic_hz);

#endif
