/* SPDX-License-Identifier: MIT
 *
 * Intel 82540EM gigabit Ethernet controller as a PCI function (Intel's "PCI/PCI-X Family of Gigabit
 * Ethernet Controllers Software Developer's Manual", called SDM below), on any network back end.
 *
 * BAR 0: 128 KiB of registers in memory; BAR 1: 64 ports, a window into the same registers. INTx
 * only. Frames are moved by a thread of the card's own; vCPU threads only touch registers.
 */
#ifndef VITRINE_DEV_E1000_H
#define VITRINE_DEV_E1000_H

#include "bus/device.h"

/* Options: struct nic_options (dev/nic.h). Needs setup->mem. Its state begins with a struct
 * pci_function. */
extern const struct device_ops e1000_ops;

#endif
