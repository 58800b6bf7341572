/* SPDX-License-Identifier: MIT
 *
 * virtio-rng: the smallest complete device, and the one to read first (virtio 1.2 §5.4).
 *
 * One queue, no configuration, no feature bits. The driver makes device-writable buffers available; the
 * device puts random bytes into them and says how many.
 */
#include "virtio/rng.h"

#include <sys/random.h>

#include "virtio/chains.h"

#define QUEUE_SIZE 64
#define CHAIN_MAX 8
#define BYTES_PER_CHAIN \
	4096 /* a larger buffer gets this much: no kick keeps the loop busy for long */

enum { REQUEST_QUEUE };

static int realize(struct virtio_device *vdev, const struct device_setup *setup)
{
	return virtio_add_queue(vdev, QUEUE_SIZE, CHAIN_MAX, setup->loop);
}

/* getrandom() waits for the host's pool to be seeded, which it was long before a VM runs; up to 256 bytes
 * come in one piece, more may be cut short by a signal. */
static enum chain_verdict fill(void *ctx, const struct virtq_chain *chain, uint32_t *written_bytes)
{
	uint8_t bytes[BYTES_PER_CHAIN];
	size_t wanted = chain->in_bytes < sizeof(bytes) ? chain->in_bytes : sizeof(bytes);
	ssize_t got = wanted ? getrandom(bytes, wanted, 0) : 0;

	(void)ctx;
	if (!wanted)
		return CHAIN_BAD; /* §5.4.6.1: the driver provides device-writable buffers */
	if (got > 0)
		*written_bytes = virtq_chain_write(chain, 0, bytes, (uint32_t)got);
	return CHAIN_DONE;
}

static void serve(struct virtio_device *vdev, unsigned queue)
{
	virtio_serve_chains(vdev->queue[queue], fill, NULL, "a request without room for an answer");
}

const struct virtio_model virtio_rng_model = {
	.name = "virtio-rng",
	.device_id = 4,
	.pci_class = 0x00ff00, /* PCI code and ID assignment 1.11 §1: unclassified, other */
	.state_bytes = sizeof(struct virtio_device),
	.realize = realize,
	.serve = serve,
};
