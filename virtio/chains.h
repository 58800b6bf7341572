/* SPDX-License-Identifier: MIT
 *
 * The loop that a small device's serve() is made of: take chains, hand each to a function, publish.
 */
#ifndef VITRINE_VIRTIO_CHAINS_H
#define VITRINE_VIRTIO_CHAINS_H

#include <stdint.h>

#include "virtio/device.h"

#define CHAINS_PER_SERVE 64 /* then others in the loop get their turn */
#define CHAINS_IOV_MAX 64   /* chain_max of a queue that is served like this is no larger */

enum chain_verdict {
	CHAIN_DONE,  /* *written_bytes of it were written; it goes back to the driver */
	CHAIN_LATER, /* nothing was done with it; the queue rests until it is kicked from inside */
	CHAIN_BAD    /* nonsense: the device breaks */
};

/* *written_bytes is 0 before. In the queue's loop, its lock held. */
typedef enum chain_verdict virtio_chain_fn(void *ctx, const struct virtq_chain *chain,
					   uint32_t *written_bytes);

/* Gives the queue's chains to take(ctx, …), CHAINS_PER_SERVE at most: then the queue kicks itself. Publishes.
 * nonsense: what a CHAIN_BAD is about, for the message. Queue's lock held. */
void virtio_serve_chains(struct virtio_queue *queue, virtio_chain_fn *take, void *ctx,
			 const char *nonsense);

#endif
