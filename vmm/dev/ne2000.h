/* SPDX-License-Identifier: MIT
 *
 * NE2000 as a PCI function: Realtek's RTL8029, which is a DP8390 (National Semiconductor,
 * DP8390D/NS32490D data sheet, 1995) with 32 KiB of packet memory behind a data port, on any
 * network back end.
 *
 * BAR 0: 32 ports: 0x00 to 0x0f the DP8390's registers, in pages; 0x10 the data port; 0x18 to 0x1f
 * reset. INTx.
 */
#ifndef VITRINE_DEV_NE2000_H
#define VITRINE_DEV_NE2000_H

#include "bus/device.h"

/* Options: struct nic_options (dev/nic.h). Its state begins with a struct pci_function. */
extern const struct device_ops ne2000_ops;

#endif
