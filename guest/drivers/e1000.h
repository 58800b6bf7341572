/* SPDX-License-Identifier: MIT
 *
 * Intel 82540EM ("PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual"),
 * with legacy descriptors and no offloads.
 */
#ifndef GUEST_DRIVERS_E1000_H
#define GUEST_DRIVERS_E1000_H

#include "guest/bus/pci.h"

/* Adds the interface. Returns at once if the function is no 82540EM. */
void e1000_probe(const struct pci_function *function);

#endif
