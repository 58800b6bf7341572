/* SPDX-License-Identifier: MIT
 *
 * The bridge's windows: which addresses BARs may have. Two for BARs, one for configuration space.
 */
#ifndef VITRINE_BUS_PCI_MAP_H
#define VITRINE_BUS_PCI_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "bus/bus.h"
#include "memory_map.h"
#include "ports.h"

static inline bool pci_map_contains(enum bus_space space, uint64_t base, uint64_t size_bytes)
{
	uint64_t start = space == BUS_PIO ? PORT_PCI_WINDOW : GPA_PCI_WINDOW;
	uint64_t length = space == BUS_PIO ? PORT_PCI_WINDOW_SIZE : GPA_PCI_WINDOW_BYTES;

	return base >= start && base - start < length && size_bytes <= length - (base - start);
}

#endif
