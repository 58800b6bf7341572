/* SPDX-License-Identifier: MIT
 *
 * Names of ports and addresses where a PC has something and this machine has not: so that a trace
 * says what a guest was looking for.
 */
#ifndef VITRINE_OBSERVE_KNOWN_PLACES_H
#define VITRINE_OBSERVE_KNOWN_PLACES_H

#include <stdint.h>

#include "bus/bus.h"

/* "PCI config address", …; NULL: nothing is usually there. */
const char *known_place(enum bus_space space, uint64_t address);

#endif
