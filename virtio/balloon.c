/* SPDX-License-Identifier: MIT
 *
 * virtio-balloon: inflate, deflate, statistics, free page reporting (virtio 1.2 §5.5).
 *
 * A page in the balloon is given back to the host at once; when the guest takes it out again it reads as zeros
 * and costs memory when it is touched, so deflating needs no work here.
 */
#include "virtio/balloon.h"

#include <string.h>

#include "loop/loop.h"
#include "observe/counters.h"
#include "virtio/chains.h"

#define QUEUE_SIZE 128
#define CHAIN_MAX 32 /* Linux reports up to 32 free spans at a time */
#define PFN_SHIFT 12 /* §5.5.6: pages of 4096 bytes, whatever the guest's are */
#define PFNS_PER_CHAIN_MAX 4096
#define PFNS_PER_COPY 256
#define STAT_BYTES 10
#define STATS_MAX 32

/* What the guest says of its memory, by tag (§5.5.6.4). */
static const char *const stat_name[] = {
	"guest_swap_in_bytes",	  "guest_swap_out_bytes", "guest_major_faults",
	"guest_minor_faults",	  "guest_free_bytes",	  "guest_total_bytes",
	"guest_available_bytes",  "guest_cache_bytes",	  "guest_hugetlb_allocations",
	"guest_hugetlb_failures",
};
#define STAT_COUNT (sizeof(stat_name) / sizeof(*stat_name))

/* A queue has no number of its own where one before it was not offered (Linux counts so): there is no
 * queue of free page hints. */
enum { INFLATE_QUEUE, DEFLATE_QUEUE, STATS_QUEUE, REPORTING_QUEUE };

/* §5.5.4 */
struct config {
	uint32_t num_pages;
	uint32_t actual;
};

struct balloon {
	struct virtio_device vdev;
	struct loop_timer *stats_timer;
	uint64_t stats_interval_ns;
	_Atomic uint32_t target_pages;
	_Atomic uint32_t actual_pages;

	/* The statistics queue's lock: the buffer that waits until statistics are wanted. */
	struct iovec stats_iov[CHAIN_MAX];
	struct virtq_chain stats_chain;
	bool has_stats_chain;

	/* Loop thread writes; a reader may see some older than others. */
	_Atomic uint64_t inflated_bytes, deflated_bytes, reported_bytes, rejected;
	_Atomic uint64_t stat[STAT_COUNT];
	_Atomic uint32_t known; /* which of them the driver told: bits */
};

/* --- inflate, deflate */

/* Pages that follow each other, upwards or downwards, are given back in one piece. */
struct run {
	uint64_t first;
	uint64_t count;
};

static void give_back(struct balloon *balloon, struct run *run)
{
	uint64_t len_bytes = run->count << PFN_SHIFT;

	if (run->count && gmem_discard(balloon->vdev.mem, run->first << PFN_SHIFT, len_bytes) < 0)
		balloon->rejected++;
	else
		balloon->inflated_bytes += len_bytes;
	run->count = 0;
}

static void add_page(struct balloon *balloon, struct run *run, uint64_t pfn)
{
	if (run->count && pfn + 1 == run->first) {
		run->first = pfn;
		run->count++;
	} else if (run->count && pfn == run->first + run->count) {
		run->count++;
	} else {
		give_back(balloon, run);
		*run = (struct run){pfn, 1};
	}
}

static enum chain_verdict inflate(void *ctx, const struct virtq_chain *chain,
				  uint32_t *written_bytes)
{
	struct balloon *balloon = ctx;
	uint32_t pfn[PFNS_PER_COPY];
	struct run run = {0};
	uint32_t offset = 0;
	uint32_t got;

	*written_bytes = 0;
	if (chain->out_bytes > PFNS_PER_CHAIN_MAX * sizeof(*pfn) || chain->in_bytes)
		return CHAIN_BAD;
	while ((got = virtq_chain_read(chain, offset, pfn, sizeof(pfn))) > 0) {
		for (unsigned i = 0; i < got / sizeof(*pfn); i++)
			add_page(balloon, &run, pfn[i]);
		offset += got;
	}
	give_back(balloon, &run);
	return CHAIN_DONE;
}

static enum chain_verdict deflate(void *ctx, const struct virtq_chain *chain,
				  uint32_t *written_bytes)
{
	struct balloon *balloon = ctx;

	*written_bytes = 0;
	balloon->deflated_bytes += (uint64_t)chain->out_bytes / sizeof(uint32_t) << PFN_SHIFT;
	return CHAIN_DONE;
}

/* --- free page reporting, §5.5.6.7 */

/* The spans themselves are the chain's buffers: they are in RAM, or there would be no chain. */
static enum chain_verdict take_free_pages(void *ctx, const struct virtq_chain *chain,
					  uint32_t *written_bytes)
{
	struct balloon *balloon = ctx;

	*written_bytes = 0;
	if (chain->out_bytes)
		return CHAIN_BAD;
	for (unsigned i = 0; i < chain->in_count; i++) {
		const struct iovec *span = &chain->iov[i];

		if (gmem_discard_slice(balloon->vdev.mem, span->iov_base, span->iov_len) < 0)
			balloon->rejected++;
		else
			balloon->reported_bytes += span->iov_len;
	}
	return CHAIN_DONE;
}

/* --- statistics, §5.5.6.3 */

static void take_stats(struct balloon *balloon, const struct virtq_chain *chain)
{
	uint8_t stats[STATS_MAX * STAT_BYTES];
	uint32_t got = virtq_chain_read(chain, 0, stats, sizeof(stats));

	for (uint32_t at = 0; at + STAT_BYTES <= got; at += STAT_BYTES) {
		uint64_t value;
		uint16_t tag;

		memcpy(&tag, stats + at, sizeof(tag));
		memcpy(&value, stats + at + sizeof(tag), sizeof(value));
		if (tag >= STAT_COUNT)
			continue;
		balloon->stat[tag] = value;
		balloon->known |= 1u << tag;
	}
}

/* Gives the buffer back: the driver fills it in again, and that is the next report. */
static void return_stats_chain(struct balloon *balloon, struct virtio_queue *queue)
{
	if (!balloon->has_stats_chain)
		return;
	balloon->has_stats_chain = false;
	virtq_push(queue->ring, &balloon->stats_chain, 0);
	virtio_queue_publish(queue);
}

/* There is one buffer; should a driver offer more, the older one goes back. */
static void serve_stats(struct balloon *balloon, struct virtio_queue *queue)
{
	struct virtq_chain chain = {.iov = balloon->stats_iov, .iov_max = CHAIN_MAX};
	int popped = virtq_pop(queue->ring, &chain);

	if (popped < 0)
		virtio_device_break(queue->vdev, queue->index, NULL);
	if (popped <= 0)
		return;
	return_stats_chain(balloon, queue);
	take_stats(balloon, &chain);
	balloon->stats_chain = chain;
	balloon->has_stats_chain = true;
	if (virtq_enable_kicks(queue->ring)) /* the next one's: it was not looked for */
		virtio_queue_kick(queue);
	if (balloon->stats_timer)
		loop_timer_arm(balloon->stats_timer, balloon->stats_interval_ns);
}

static void stats_due(void *ctx)
{
	struct balloon *balloon = ctx;
	struct virtio_queue *queue = balloon->vdev.queue[STATS_QUEUE];

	pthread_mutex_lock(&queue->lock);
	if (queue->live)
		return_stats_chain(balloon, queue);
	pthread_mutex_unlock(&queue->lock);
}

static void drain(struct virtio_device *vdev, unsigned index)
{
	struct balloon *balloon = (struct balloon *)vdev;

	if (index == STATS_QUEUE && balloon->has_stats_chain) {
		balloon->has_stats_chain = false;
		virtq_push(vdev->queue[index]->ring, &balloon->stats_chain, 0);
	}
}

/* --- life */

static void serve(struct virtio_device *vdev, unsigned index)
{
	struct virtio_queue *queue = vdev->queue[index];

	switch (index) {
	case INFLATE_QUEUE:
		virtio_serve_chains(queue, inflate, vdev, "a list of pages that is no such list");
		break;
	case DEFLATE_QUEUE: virtio_serve_chains(queue, deflate, vdev, NULL); break;
	case STATS_QUEUE: serve_stats((struct balloon *)vdev, queue); break;
	case REPORTING_QUEUE:
		virtio_serve_chains(queue, take_free_pages, vdev,
				    "free pages that the device may not write");
		break;
	}
}

static uint64_t ram_pages(const struct virtio_device *vdev)
{
	return gmem_size(vdev->mem) >> PFN_SHIFT;
}

void balloon_set_target(struct virtio_device *vdev, uint64_t bytes)
{
	struct balloon *balloon = (struct balloon *)vdev;
	uint64_t pages = bytes >> PFN_SHIFT;

	balloon->target_pages = (uint32_t)(pages < ram_pages(vdev) ? pages : ram_pages(vdev));
	virtio_config_changed(vdev);
}

/* Of the guest's figures those that it told. */
static bool guest_figure(const struct balloon *balloon, unsigned index, struct device_figure *out)
{
	for (unsigned tag = 0; tag < STAT_COUNT; tag++) {
		if (!(balloon->known >> tag & 1) || index--)
			continue;
		*out = (struct device_figure){.name = stat_name[tag], .value = balloon->stat[tag]};
		return true;
	}
	return false;
}

static bool figure(struct virtio_device *vdev, unsigned index, struct device_figure *out)
{
	const struct balloon *balloon = (const struct balloon *)vdev;
	const struct device_figure own[] = {
		{"target_bytes", (uint64_t)balloon->target_pages << PFN_SHIFT, false},
		{"actual_bytes", (uint64_t)balloon->actual_pages << PFN_SHIFT, false},
		{"inflated_bytes", balloon->inflated_bytes, true},
		{"deflated_bytes", balloon->deflated_bytes, true},
		{"reported_bytes", balloon->reported_bytes, true},
		{"rejected_spans", balloon->rejected, true},
	};
	const unsigned own_count = sizeof(own) / sizeof(*own);

	if (index >= own_count)
		return guest_figure(balloon, index - own_count, out);
	*out = own[index];
	return true;
}

static void read_target(struct virtio_device *vdev)
{
	uint32_t pages = ((struct balloon *)vdev)->target_pages;

	memcpy(vdev->config + offsetof(struct config, num_pages), &pages, sizeof(pages));
}

static void actual_written(struct virtio_device *vdev, unsigned offset, unsigned len_bytes)
{
	uint32_t pages;

	(void)offset;
	(void)len_bytes;
	memcpy(&pages, vdev->config + offsetof(struct config, actual), sizeof(pages));
	((struct balloon *)vdev)->actual_pages = pages;
}

static void reset(struct virtio_device *vdev)
{
	struct balloon *balloon = (struct balloon *)vdev;

	balloon->actual_pages = 0;
	memset(vdev->config + offsetof(struct config, actual), 0, sizeof(uint32_t));
}

static void destroy(struct virtio_device *vdev)
{
	loop_timer_destroy(((struct balloon *)vdev)->stats_timer);
}

static int realize(struct virtio_device *vdev, const struct device_setup *setup)
{
	const struct virtio_balloon_options *options = setup->options;
	struct balloon *balloon = (struct balloon *)vdev;
	unsigned queue_count = options->reporting ? REPORTING_QUEUE + 1 : STATS_QUEUE + 1;
	int err = 0;

	for (unsigned i = 0; i < queue_count && !err; i++)
		err = virtio_add_queue(vdev, QUEUE_SIZE, CHAIN_MAX, setup->loop);
	balloon->stats_interval_ns = options->stats_interval_ns;
	if (!err && options->stats_interval_ns)
		err = loop_timer_create(setup->loop, stats_due, balloon, &balloon->stats_timer);
	if (err)
		return err;
	vdev->offered = VIRTIO_BIT(VIRTIO_BALLOON_F_STATS_VQ);
	if (options->reporting)
		vdev->offered |= VIRTIO_BIT(VIRTIO_BALLOON_F_REPORTING);
	if (options->deflate_on_oom)
		vdev->offered |= VIRTIO_BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
	vdev->config_bytes = sizeof(struct config);
	memset(vdev->config_writable + offsetof(struct config, actual), 0xff, sizeof(uint32_t));
	balloon_set_target(vdev, options->target_bytes);
	return 0;
}

const struct virtio_model virtio_balloon_model = {
	.name = "virtio-balloon",
	.device_id = 5,
	.pci_class = 0x00ff00, /* unclassified, other */
	.state_bytes = sizeof(struct balloon),
	.realize = realize,
	.destroy = destroy,
	.config_written = actual_written,
	.config_read = read_target,
	.serve = serve,
	.drain = drain,
	.reset = reset,
	.figure = figure,
};
