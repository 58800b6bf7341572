/* SPDX-License-Identifier: MIT
 *
 * The loop that a small device's serve() is made of. See chains.h.
 */
#include "virtio/chains.h"

/* One chain. False: there are no more, or none is wanted now. */
static bool take_one(struct virtio_queue *queue, virtio_chain_fn *take, void *ctx,
		     const char *nonsense, bool *rest)
{
	struct iovec iov[CHAINS_IOV_MAX];
	struct virtq_chain chain = {.iov = iov, .iov_max = CHAINS_IOV_MAX};
	int popped = virtq_pop(queue->ring, &chain);
	enum chain_verdict verdict;
	uint32_t written_bytes = 0;

	*rest = popped < 0;
	if (popped < 0)
		virtio_device_break(queue->vdev, queue->index, NULL);
	if (popped <= 0)
		return false;
	verdict = take(ctx, &chain, &written_bytes);
	if (verdict == CHAIN_LATER) {
		virtq_unpop(queue->ring, &chain);
		*rest = true;
		return false;
	}
	virtq_push(queue->ring, &chain, written_bytes);
	*rest = verdict == CHAIN_BAD;
	if (verdict == CHAIN_BAD)
		virtio_device_break(queue->vdev, queue->index, nonsense);
	return verdict == CHAIN_DONE;
}

/* While chains wait for the device, kicks stay off: the next one that the driver adds changes nothing. */
void virtio_serve_chains(struct virtio_queue *queue, virtio_chain_fn *take, void *ctx,
			 const char *nonsense)
{
	unsigned left = CHAINS_PER_SERVE;
	bool rest = false;

	if (queue->vdev->status & VIRTIO_STATUS_NEEDS_RESET)
		return;
	virtq_disable_kicks(queue->ring);
	do
		while (left && take_one(queue, take, ctx, nonsense, &rest))
			left--;
	while (left && !rest && virtq_enable_kicks(queue->ring));
	virtio_queue_publish(queue);
	if (!left)
		virtio_queue_kick(queue);
}
