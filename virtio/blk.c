/* SPDX-License-Identifier: MIT
 *
 * virtio-blk (virtio 1.2 §5.2). Each queue has a thread with an event loop; a request is parsed, handed to
 * the block back end, and completed in that thread. See blk.h.
 */
#include "virtio/blk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/block.h"
#include "loop/batching.h"
#include "loop/loop_thread.h"
#include "observe/counters.h"
#include "virtio_blk.h"

#define QUEUE_SIZE 512
#define HEADER_BYTES sizeof(struct virtio_blk_header)
#define STATUS_BYTES 1
#define SEGMENTS_MAX (QUEUE_SIZE - 2) /* a chain has a header and a status, too */
#define ZERO_SECTORS_MAX (1u << 21)   /* of one discard or write-zeroes: 1 GiB */

struct request {
	struct block_request io; /* first: done() casts back */
	struct lane *lane;
	struct request *next_free;
	struct virtq_chain chain;
	uint8_t *status;	/* where the driver reads it */
	uint32_t written_bytes; /* if it goes well, without the status */
	bool flush_after;	/* the driver does not know that there is a cache */
	struct iovec iov[QUEUE_SIZE];
};

/* One queue and what serves it. Guarded by the queue's lock. */
struct lane {
	struct blk *blk;
	struct virtio_queue *queue;
	struct loop_thread *thread;
	struct block_queue *block;
	struct request *free;
	unsigned allocated; /* requests that exist: at most one per descriptor */
	struct batching batching;
	bool serving; /* serve() publishes at its end */
};

struct blk {
	struct virtio_device vdev;
	struct block *block;
	struct block_info info;	       /* constant, but for its size: */
	_Atomic uint64_t sector_count; /* any thread */
	char serial[VIRTIO_BLK_ID_BYTES + 1];
	unsigned lane_count;
	struct lane lane[VIRTIO_BLK_QUEUES_MAX];
};

/* --- requests in and out */

static struct request *get_request(struct lane *lane)
{
	struct request *request = lane->free;

	if (request) {
		lane->free = request->next_free;
	} else if (lane->allocated < QUEUE_SIZE) {
		request = malloc(sizeof(*request)); /* not cleared: most of iov is never touched */
		lane->allocated += request != NULL;
	}
	if (request) {
		request->lane = lane;
		request->chain.iov = request->iov;
		request->chain.iov_max = QUEUE_SIZE;
	}
	return request;
}

static void put_request(struct request *request)
{
	request->next_free = request->lane->free;
	request->lane->free = request;
}

static void complete(struct request *request, enum virtio_blk_status status)
{
	struct lane *lane = request->lane;
	uint32_t written = status == VIRTIO_BLK_S_OK ? request->written_bytes : 0;

	*request->status = (uint8_t)status;
	virtq_push(lane->queue->ring, &request->chain, written + STATUS_BYTES);
	put_request(request);
	if (!lane->serving)
		virtio_queue_publish(lane->queue);
}

/* §5.2.6.2: without VIRTIO_BLK_F_FLUSH a write is complete when it is durable. */
static void io_done(struct block_request *io, int error)
{
	struct request *request = (struct request *)io;

	if (!error && request->flush_after) {
		request->flush_after = false;
		io->op = BLOCK_FLUSH;
		io->offset_bytes = io->len_bytes = 0;
		block_submit(request->lane->block, io);
		return;
	}
	complete(request, error == -ENOTSUP ? VIRTIO_BLK_S_UNSUPP
			  : error	    ? VIRTIO_BLK_S_IOERR
					    : VIRTIO_BLK_S_OK);
}

/* --- framing: a driver may cut its buffers as it likes, §2.7.4.1 */

/* Takes len_bytes off the front of iov; what is left begins at the returned entry. */
static struct iovec *trim_front(struct iovec *iov, unsigned *count, size_t len_bytes)
{
	while (len_bytes && len_bytes >= iov->iov_len) {
		len_bytes -= iov->iov_len;
		iov++;
		(*count)--;
	}
	if (len_bytes) {
		iov->iov_base = (uint8_t *)iov->iov_base + len_bytes;
		iov->iov_len -= len_bytes;
	}
	return iov;
}

/* The last device-writable byte is the status. */
static void take_status(struct request *request)
{
	struct virtq_chain *chain = &request->chain;
	struct iovec *last = &chain->iov[chain->out_count + chain->in_count - 1];

	last->iov_len--;
	request->status = (uint8_t *)last->iov_base + last->iov_len;
}

/* --- what the driver wants */

static bool is_inside(const struct blk *blk, uint64_t sector, uint64_t len_bytes)
{
	uint64_t end = blk->sector_count;

	return sector <= end && len_bytes / BLOCK_SECTOR_BYTES <= end - sector;
}

/* True where the request went to the back end; else status says why it did not. */
static bool start_transfer(struct request *request, const struct virtio_blk_header *header,
			   enum virtio_blk_status *status)
{
	struct blk *blk = request->lane->blk;
	struct virtq_chain *chain = &request->chain;
	bool write = header->type == VIRTIO_BLK_T_OUT;
	unsigned count = write ? chain->out_count : chain->in_count;
	uint32_t len = write ? chain->out_bytes - HEADER_BYTES : chain->in_bytes - STATUS_BYTES;
	struct iovec *iov = write ? chain->iov : chain->iov + chain->out_count;

	*status = VIRTIO_BLK_S_IOERR;
	if (len % BLOCK_SECTOR_BYTES || !is_inside(blk, header->sector, len) ||
	    (write && blk->info.read_only))
		return false;
	*status = VIRTIO_BLK_S_OK;
	if (!len)
		return false;
	if (write)
		iov = trim_front(iov, &count, HEADER_BYTES);
	else
		count -= iov[count - 1].iov_len == 0; /* only the status was in it */
	request->io.op = write ? BLOCK_WRITE : BLOCK_READ;
	request->io.offset_bytes = header->sector * BLOCK_SECTOR_BYTES;
	request->io.len_bytes = len;
	request->io.iov = iov;
	request->io.iov_count = count;
	request->written_bytes = write ? 0 : len;
	request->flush_after = write && blk->info.volatile_cache &&
			       !virtio_has(&blk->vdev, VIRTIO_BLK_F_FLUSH);
	return true;
}

/* §5.2.6.1: one segment, as max_discard_seg and max_write_zeroes_seg say. */
static bool start_zeroing(struct request *request, const struct virtio_blk_header *header,
			  enum virtio_blk_status *status)
{
	struct blk *blk = request->lane->blk;
	bool discard = header->type == VIRTIO_BLK_T_DISCARD;
	struct virtio_blk_segment segment;
	uint64_t len;

	*status = VIRTIO_BLK_S_IOERR;
	if (request->chain.out_bytes != HEADER_BYTES + sizeof(segment) ||
	    virtq_chain_read(&request->chain, HEADER_BYTES, &segment, sizeof(segment)) !=
		    sizeof(segment) ||
	    blk->info.read_only)
		return false;
	len = (uint64_t)segment.sector_count * BLOCK_SECTOR_BYTES;
	*status = VIRTIO_BLK_S_UNSUPP; /* unknown flags, and unmap has no meaning for a discard */
	if (segment.flags & ~(discard ? 0 : VIRTIO_BLK_UNMAP))
		return false;
	*status = VIRTIO_BLK_S_IOERR;
	if (segment.sector_count > ZERO_SECTORS_MAX || !is_inside(blk, segment.sector, len))
		return false;
	*status = VIRTIO_BLK_S_OK;
	request->io.op = discard ? BLOCK_DISCARD : BLOCK_WRITE_ZEROES;
	request->io.may_unmap = segment.flags & VIRTIO_BLK_UNMAP;
	request->io.offset_bytes = segment.sector * BLOCK_SECTOR_BYTES;
	request->io.len_bytes = len;
	return len > 0;
}

static bool start_flush(struct request *request)
{
	request->io.op = BLOCK_FLUSH;
	request->io.offset_bytes = request->io.len_bytes = 0;
	return true;
}

/* §5.2.6.1: 20 bytes, not terminated if all are used. */
static enum virtio_blk_status give_id(struct request *request)
{
	struct blk *blk = request->lane->blk;

	if (request->chain.in_bytes < VIRTIO_BLK_ID_BYTES + STATUS_BYTES)
		return VIRTIO_BLK_S_IOERR;
	request->written_bytes = virtq_chain_write(&request->chain, 0, blk->serial,
						   VIRTIO_BLK_ID_BYTES);
	return VIRTIO_BLK_S_OK;
}

static bool start_request(struct request *request, enum virtio_blk_status *status)
{
	struct virtio_blk_header header;

	*status = VIRTIO_BLK_S_IOERR;
	request->flush_after = false;
	request->written_bytes = 0;
	request->io.iov_count = 0;
	request->io.done = io_done;
	if (virtq_chain_read(&request->chain, 0, &header, sizeof(header)) != sizeof(header))
		return false;
	switch (header.type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT: return start_transfer(request, &header, status);
	case VIRTIO_BLK_T_FLUSH: return start_flush(request);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES: return start_zeroing(request, &header, status);
	case VIRTIO_BLK_T_GET_ID: *status = give_id(request); return false;
	default: *status = VIRTIO_BLK_S_UNSUPP; return false;
	}
}

/* True as long as there may be more. */
static bool serve_one(struct lane *lane)
{
	struct request *request = get_request(lane);
	enum virtio_blk_status status;
	int popped;

	if (!request)
		return false;
	popped = virtq_pop(lane->queue->ring, &request->chain);
	if (popped == 1 && request->chain.in_bytes) {
		take_status(request);
		if (start_request(request, &status))
			block_submit(lane->block, &request->io);
		else
			complete(request, status);
		return true;
	}
	put_request(request);
	if (popped)
		virtio_device_break(&lane->blk->vdev, lane->queue->index,
				    popped == 1 ? "a request without room for its status" : NULL);
	return false;
}

/* As long as all is done at once, the lane's thread waits for nothing but kicks. */
static void end_batch(struct lane *lane)
{
	block_flush_batch(lane->block);
	if (block_queue_is_busy(lane->block) && block_queue_listen(lane->block) < 0)
		block_drain(lane->block);
}

static void blk_serve(struct virtio_device *vdev, unsigned index)
{
	struct lane *lane = &((struct blk *)vdev)->lane[index];
	struct virtq *ring = lane->queue->ring;
	unsigned requests = 0;

	lane->serving = true;
	do {
		virtq_disable_kicks(ring);
		while (serve_one(lane))
			requests++;
		end_batch(lane);
		virtio_queue_publish(lane->queue);
	} while (!(vdev->status & VIRTIO_STATUS_NEEDS_RESET) && virtq_enable_kicks(ring));
	lane->serving = false;
	batching_update(&lane->batching, requests);
}

static void blk_drain(struct virtio_device *vdev, unsigned index)
{
	block_drain(((struct blk *)vdev)->lane[index].block);
}

/* --- life cycle */

static void fill_config(struct blk *blk)
{
	uint32_t granularity = blk->info.discard_granularity_bytes / BLOCK_SECTOR_BYTES;
	struct virtio_blk_config config = {
		.capacity = blk->sector_count,
		.seg_max = SEGMENTS_MAX,
		.blk_size = BLOCK_SECTOR_BYTES,
		.physical_block_exp = blk->info.physical_sector_bytes > BLOCK_SECTOR_BYTES ? 3 : 0,
		.min_io_size = (uint16_t)(blk->info.physical_sector_bytes / BLOCK_SECTOR_BYTES),
		.num_queues = (uint16_t)blk->lane_count,
		.max_discard_sectors = ZERO_SECTORS_MAX,
		.max_discard_seg = 1,
		.discard_sector_alignment = granularity ? granularity : 1,
		.max_write_zeroes_sectors = ZERO_SECTORS_MAX,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};

	memcpy(blk->vdev.config, &config, VIRTIO_BLK_CONFIG_BYTES);
	blk->vdev.config_bytes = VIRTIO_BLK_CONFIG_BYTES;
}

static void resized(void *ctx)
{
	struct blk *blk = ctx;
	uint64_t capacity = block_get_info(blk->block).size_bytes / BLOCK_SECTOR_BYTES;

	blk->sector_count = capacity;
	virtio_set_config(&blk->vdev, offsetof(struct virtio_blk_config, capacity), &capacity,
			  sizeof(capacity));
}

static uint64_t features(const struct blk *blk)
{
	uint64_t bits = VIRTIO_BIT(VIRTIO_BLK_F_SEG_MAX) | VIRTIO_BIT(VIRTIO_BLK_F_BLK_SIZE) |
			VIRTIO_BIT(VIRTIO_BLK_F_TOPOLOGY);

	if (blk->info.read_only)
		bits |= VIRTIO_BIT(VIRTIO_BLK_F_RO);
	else
		bits |= VIRTIO_BIT(VIRTIO_BLK_F_WRITE_ZEROES);
	if (!blk->info.read_only && blk->info.discard_granularity_bytes)
		bits |= VIRTIO_BIT(VIRTIO_BLK_F_DISCARD);
	if (blk->info.volatile_cache)
		bits |= VIRTIO_BIT(VIRTIO_BLK_F_FLUSH);
	if (blk->lane_count > 1)
		bits |= VIRTIO_BIT(VIRTIO_BLK_F_MQ);
	return bits;
}

static int create_lane(struct blk *blk, unsigned index)
{
	struct lane *lane = &blk->lane[index];
	char name[32];
	int err;

	lane->blk = blk;
	snprintf(name, sizeof(name), "%s.%u", blk->vdev.name, index);
	err = loop_thread_create(name, &lane->thread);
	if (!err)
		err = virtio_add_queue(&blk->vdev, QUEUE_SIZE, QUEUE_SIZE,
				       loop_thread_loop(lane->thread));
	if (err)
		return err;
	lane->queue = blk->vdev.queue[index];
	return block_queue_create(blk->block, loop_thread_loop(lane->thread), &lane->queue->lock,
				  &lane->block);
}

/* The threads are joined first: nobody serves while things are freed. */
static void blk_destroy(struct virtio_device *vdev)
{
	struct blk *blk = (struct blk *)vdev;

	block_on_resize(blk->block, NULL, NULL);
	for (unsigned i = 0; i < blk->lane_count; i++) {
		struct lane *lane = &blk->lane[i];

		loop_thread_stop(lane->thread);
		block_queue_destroy(lane->block);
		while (lane->free) {
			struct request *request = lane->free;

			lane->free = request->next_free;
			free(request);
		}
	}
	virtio_remove_queues(vdev);
	for (unsigned i = 0; i < blk->lane_count; i++)
		loop_thread_destroy(blk->lane[i].thread);
}

static int blk_realize(struct virtio_device *vdev, const struct device_setup *setup)
{
	struct blk *blk = (struct blk *)vdev;
	const struct virtio_blk_options *options = setup->options;
	int err = 0;

	blk->block = options->block;
	blk->info = block_get_info(blk->block);
	blk->sector_count = blk->info.size_bytes / BLOCK_SECTOR_BYTES;
	blk->lane_count = options->queues;
	snprintf(blk->serial, sizeof(blk->serial), "%s", options->serial ? options->serial : "");
	for (unsigned i = 0; !err && i < blk->lane_count; i++)
		err = create_lane(blk, i);
	fill_config(blk);
	vdev->offered = features(blk);
	for (unsigned i = 0; !err && i < blk->lane_count; i++)
		err = loop_thread_start(blk->lane[i].thread);
	if (err) {
		blk_destroy(vdev);
		return err;
	}
	block_on_resize(blk->block, resized, blk);
	return 0;
}

/* The back end outlives power cycles, and so do its counters. */
static bool blk_figure(struct virtio_device *vdev, unsigned index, struct device_figure *out)
{
	const struct block_counters counters = block_get_counters(((struct blk *)vdev)->block);
	const struct device_figure figures[] = {
		{"requests_done_at_once", counters.inline_requests, false},
		{"requests_handed_over", counters.queued_requests, false},
		{"errors", counters.errors, false},
	};

	if (index >= sizeof(figures) / sizeof(*figures))
		return false;
	*out = figures[index];
	return true;
}

const struct virtio_model virtio_blk_model = {
	.name = "virtio-blk",
	.device_id = VIRTIO_ID_BLOCK,
	.pci_class = 0x018000, /* storage, other */
	.state_bytes = sizeof(struct blk),
	.realize = blk_realize,
	.destroy = blk_destroy,
	.serve = blk_serve,
	.drain = blk_drain,
	.figure = blk_figure,
};
