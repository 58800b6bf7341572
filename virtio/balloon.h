/* SPDX-License-Identifier: MIT
 *
 * virtio-balloon: guest memory that the host gets back (virtio 1.2 §5.5): what the guest is asked to give
 * up (the balloon), and what it does not use at the moment (free page reporting).
 */
#ifndef VITRINE_VIRTIO_BALLOON_H
#define VITRINE_VIRTIO_BALLOON_H

#include "virtio/device.h"

#define VIRTIO_BALLOON_F_STATS_VQ 1
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM 2
#define VIRTIO_BALLOON_F_REPORTING 5

struct virtio_balloon_options {
	uint64_t target_bytes;	    /* the balloon's size in the beginning */
	uint64_t stats_interval_ns; /* 0: only what the driver says by itself, when it starts */
	bool reporting;
	bool deflate_on_oom;
};
extern const struct virtio_model virtio_balloon_model;

/* What the guest says of its memory (§5.5.6.4), in the order of the tags. */
enum balloon_stat {
	BALLOON_SWAP_IN,
	BALLOON_SWAP_OUT,
	BALLOON_MAJOR_FAULTS,
	BALLOON_MINOR_FAULTS,
	BALLOON_FREE_BYTES,
	BALLOON_TOTAL_BYTES,
	BALLOON_AVAILABLE_BYTES,
	BALLOON_CACHE_BYTES,
	BALLOON_HUGETLB_ALLOCATED,
	BALLOON_HUGETLB_FAILED,
	BALLOON_STAT_COUNT
};

struct balloon_report {
	uint64_t target_bytes;
	uint64_t actual_bytes;	 /* as the driver says */
	uint64_t inflated_bytes; /* given up so far, also what was taken back since */
	uint64_t deflated_bytes; /* taken back so far */
	uint64_t reported_bytes; /* free pages given back so far */
	uint64_t rejected;	 /* spans that were no RAM, or that the host did not take */
	uint32_t known;		 /* which of stat[] the driver told: bits */
	uint64_t stat[BALLOON_STAT_COUNT];
};

/* Any thread. The balloon shall have this size; at most all of guest RAM. */
void balloon_set_target(struct virtio_device *vdev, uint64_t bytes);
struct balloon_report balloon_get_report(struct virtio_device *vdev);

#endif
