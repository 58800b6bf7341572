/* SPDX-License-Identifier: MIT
 *
 * snapshot: an unnamed temporary file takes what the guest writes, in clusters of 64 KiB, and ends with the VM.
 *
 * A bit per cluster says whether it is in the overlay; none is ever cleared. Reads and writes of clusters that
 * are there take no lock. What adds clusters does, from the first copy to the setting of their bits, so that two
 * queues that write to parts of one cluster do not undo each other's work.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/block_internal.h"

#define CLUSTER_BYTES (64u << 10)

struct block_overlay {
	int fd;
	bool in_memory; /* block_image_in_memory() */
	uint64_t size_bytes;
	atomic_uint_fast64_t *present; /* a bit per cluster */
	pthread_mutex_t lock;
};

static int open_unnamed(const char *directory)
{
	char path[4096];
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	if (snprintf(path, sizeof(path), "%s/vitrine-XXXXXX", directory) >= (int)sizeof(path))
		return -1;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

int block_overlay_create(uint64_t size_bytes, struct block_overlay **out, char *err,
			 size_t err_size)
{
	uint64_t words = (size_bytes / CLUSTER_BYTES + 1 + 63) / 64;
	const char *directory = getenv("TMPDIR");
	struct block_overlay *overlay = calloc(1, sizeof(*overlay));

	if (!overlay)
		return -ENOMEM;
	if (!directory || !*directory)
		directory = "/var/tmp";
	pthread_mutex_init(&overlay->lock, NULL);
	overlay->size_bytes = size_bytes;
	overlay->present = calloc(words, sizeof(*overlay->present));
	overlay->fd = overlay->present ? open_unnamed(directory) : -1;
	if (overlay->fd < 0 || ftruncate(overlay->fd, (off_t)size_bytes) < 0) {
		int error = overlay->present ? errno : ENOMEM;

		snprintf(err, err_size,
			 "snapshot: a temporary file in %s: %s; set TMPDIR to another folder",
			 directory, strerror(error));
		block_overlay_destroy(overlay);
		return -error;
	}
	overlay->in_memory = block_image_in_memory(overlay->fd);
	*out = overlay;
	return 0;
}

void block_overlay_destroy(struct block_overlay *overlay)
{
	if (!overlay)
		return;
	if (overlay->fd >= 0)
		close(overlay->fd);
	pthread_mutex_destroy(&overlay->lock);
	free(overlay->present);
	free(overlay);
}

/* --- which clusters are there */

static bool is_present(const struct block_overlay *overlay, uint64_t cluster)
{
	/* acquire: pairs with the release of add(), behind which the cluster's content lies */
	uint64_t word = atomic_load_explicit(&overlay->present[cluster / 64], memory_order_acquire);

	return word >> cluster % 64 & 1;
}

static void add(struct block_overlay *overlay, uint64_t offset_bytes, uint64_t len_bytes)
{
	uint64_t last = (offset_bytes + len_bytes - 1) / CLUSTER_BYTES;

	for (uint64_t i = offset_bytes / CLUSTER_BYTES; len_bytes && i <= last; i++)
		atomic_fetch_or_explicit(&overlay->present[i / 64], 1ULL << i % 64,
					 memory_order_release);
}

/* How many of len_bytes are, from offset_bytes on, on the same side; *present: which. */
static uint64_t run(const struct block_overlay *overlay, uint64_t offset_bytes, uint64_t len_bytes,
		    bool *present)
{
	uint64_t cluster = offset_bytes / CLUSTER_BYTES;
	uint64_t end_bytes = offset_bytes + len_bytes;

	*present = is_present(overlay, cluster);
	while (++cluster * CLUSTER_BYTES < end_bytes && is_present(overlay, cluster) == *present)
		;
	if (cluster * CLUSTER_BYTES < end_bytes)
		end_bytes = cluster * CLUSTER_BYTES;
	return end_bytes - offset_bytes;
}

static bool all_present(const struct block_overlay *overlay, uint64_t offset_bytes,
			uint64_t len_bytes)
{
	bool present;

	return run(overlay, offset_bytes, len_bytes, &present) == len_bytes && present;
}

/* --- requests */

int block_overlay_read(struct block *block, struct block_span span, int flags)
{
	const struct block_overlay *overlay = block->overlay;
	int err = 0;

	while (!err && span.len_bytes) {
		struct block_span part = span;
		bool present, in_memory;

		part.len_bytes = run(overlay, span.offset_bytes, span.len_bytes, &present);
		in_memory = present ? overlay->in_memory : block->in_memory;
		err = block_sync_transfer(present ? overlay->fd : block->fd, false, part,
					  in_memory ? 0 : flags);
		span.skip_bytes += part.len_bytes;
		span.offset_bytes += part.len_bytes;
		span.len_bytes -= part.len_bytes;
	}
	return err;
}

/* Brings the cluster around offset_bytes over, if a part of it is to stay what it is. */
static int copy_cluster(struct block *block, uint64_t offset_bytes)
{
	struct block_overlay *overlay = block->overlay;
	uint64_t start_bytes = offset_bytes - offset_bytes % CLUSTER_BYTES;
	uint64_t left_bytes = overlay->size_bytes - start_bytes;
	uint64_t len_bytes = left_bytes < CLUSTER_BYTES ? left_bytes : CLUSTER_BYTES;
	struct iovec iov = {malloc(len_bytes), len_bytes};
	struct block_span span = {&iov, 1, 0, start_bytes, len_bytes};
	int err = iov.iov_base ? 0 : -ENOMEM;

	if (!err)
		err = block_sync_transfer(block->fd, false, span, 0);
	if (!err)
		err = block_sync_transfer(overlay->fd, true, span, 0);
	free(iov.iov_base);
	if (!err)
		add(overlay, start_bytes, len_bytes);
	return err;
}

/* The clusters in which the range begins and ends, if it does so inside of them. Locked. */
static int copy_ends(struct block *block, uint64_t offset_bytes, uint64_t len_bytes)
{
	const struct block_overlay *overlay = block->overlay;
	uint64_t end_bytes = offset_bytes + len_bytes;
	int err = 0;

	if (offset_bytes % CLUSTER_BYTES && !is_present(overlay, offset_bytes / CLUSTER_BYTES))
		err = copy_cluster(block, offset_bytes);
	if (!err && end_bytes % CLUSTER_BYTES && end_bytes < overlay->size_bytes &&
	    !is_present(overlay, end_bytes / CLUSTER_BYTES))
		err = copy_cluster(block, end_bytes);
	return err;
}

int block_overlay_write(struct block *block, struct block_span span, int flags)
{
	struct block_overlay *overlay = block->overlay;
	int err;

	if (all_present(overlay, span.offset_bytes, span.len_bytes))
		return block_sync_transfer(overlay->fd, true, span, 0);
	if (flags)
		return -EAGAIN;
	pthread_mutex_lock(&overlay->lock);
	err = copy_ends(block, span.offset_bytes, span.len_bytes);
	if (!err)
		err = block_sync_transfer(overlay->fd, true, span, 0);
	if (!err)
		add(overlay, span.offset_bytes, span.len_bytes);
	pthread_mutex_unlock(&overlay->lock);
	return err;
}

int block_overlay_zero(struct block *block, uint64_t offset_bytes, uint64_t len_bytes)
{
	struct block_overlay *overlay = block->overlay;
	int err;

	pthread_mutex_lock(&overlay->lock);
	err = copy_ends(block, offset_bytes, len_bytes);
	if (!err)
		err = block_sync_zero(overlay->fd, offset_bytes, len_bytes, true);
	if (!err)
		add(overlay, offset_bytes, len_bytes);
	pthread_mutex_unlock(&overlay->lock);
	return err;
}

/* Gives room back; what was never written shows the base again, as before. */
int block_overlay_discard(struct block *block, uint64_t offset_bytes, uint64_t len_bytes)
{
	struct block_overlay *overlay = block->overlay;
	int err = 0;

	while (!err && len_bytes) {
		bool present;
		uint64_t part_bytes = run(overlay, offset_bytes, len_bytes, &present);

		if (present)
			err = block_sync_zero(overlay->fd, offset_bytes, part_bytes, true);
		offset_bytes += part_bytes;
		len_bytes -= part_bytes;
	}
	return err;
}
