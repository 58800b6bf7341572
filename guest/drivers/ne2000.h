/* SPDX-License-Identifier: MIT
 *
 * NE2000 on PCI (Realtek RTL8029AS datasheet; National Semiconductor DP8390D): a ring of pages in the
 * card's own memory, which is read and written through one port.
 */
#ifndef GUEST_DRIVERS_NE2000_H
#define GUEST_DRIVERS_NE2000_H

#include "guest/bus/pci.h"

/* Adds the interface. Returns at once if the function is no RTL8029. */
void ne2000_probe(const struct pci_function *function);

#endif
