/* SPDX-License-Identifier: MIT
 *
 * Which driver is tried on what.
 */
#include "guest/drivers/attach.h"

#include <stdbool.h>

#include "guest/bus/pci.h"
#include "guest/drivers/e1000.h"
#include "guest/drivers/ide.h"
#include "guest/drivers/ne2000.h"
#include "guest/virtio/balloon.h"
#include "guest/virtio/blk.h"
#include "guest/virtio/device.h"
#include "guest/virtio/net.h"

static void probe(const struct pci_function *function)
{
	ide_probe(function);
	e1000_probe(function);
	ne2000_probe(function);
}

void drivers_attach(void)
{
	static bool attached;

	if (attached)
		return;
	attached = true;
	virtio_find_all();
	for (unsigned i = 0; i < virtio_device_count; i++)
		switch (virtio_device[i].id) {
		case VIRTIO_ID_BLOCK: virtio_blk_attach(&virtio_device[i]); break;
		case VIRTIO_ID_BALLOON: balloon_attach(&virtio_device[i]); break;
		case VIRTIO_ID_NET: virtio_net_attach(&virtio_device[i]); break;
		}
	pci_scan(probe);
}
