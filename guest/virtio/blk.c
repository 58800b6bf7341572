/* SPDX-License-Identifier: MIT
 *
 * A request is a chain of header, data (one that is contiguous in two pieces if it is long enough, so that
 * chains differ in length) and status byte. Header and status are the slot's, one for each request under way.
 */
#include "guest/virtio/blk.h"

#include <stddef.h>

#include "guest/drivers/block.h"
#include "guest/lib/print.h"
#include "guest/virtio/options.h"

#define F_READ_ONLY (1ull << 5)
#define F_FLUSH (1ull << 9)
#define CONFIG_CAPACITY 0
#define DISKS_MAX 16
#define DEPTH_MAX 64
#define DESCRIPTORS_EACH 4
#define REQUEST_SECTORS_MAX 2048
#define SERIAL_BYTES 20 /* VIRTIO_BLK_T_GET_ID, §5.2.6 */
#define ANSWER_NS 5000000000ull

struct slot {
	struct virtio_blk_header header;
	uint8_t status;
	struct block_request *request; /* NULL: free */
	uint8_t pad[7];
};

struct virtio_blk {
	struct block_device disk;
	struct virtio_device *device;
	struct dma slots;
	unsigned busy;
};

static struct virtio_blk all[DISKS_MAX];
static unsigned count;

static struct slot *free_slot(struct virtio_blk *blk)
{
	struct slot *slot = blk->slots.at;

	if (blk->busy == blk->disk.depth)
		return NULL;
	while (slot->request)
		slot++;
	return slot;
}

static unsigned describe_contiguous(const struct block_request *request,
				    struct virtq_buffer *buffer)
{
	const uint32_t bytes = request->sector_count * SECTOR_BYTES;
	const uint32_t first = request->sector_count > 1 ? bytes / 2 : bytes;
	const bool in = request->operation == BLOCK_READ;
	unsigned n = 0;

	if (bytes)
		buffer[n++] = (struct virtq_buffer){request->gpa, first, in};
	if (bytes > first)
		buffer[n++] = (struct virtq_buffer){request->gpa + first, bytes - first, in};
	return n;
}

static unsigned describe_buffers(const struct block_request *request, uint64_t slot_gpa,
				 struct virtq_buffer *buffer)
{
	unsigned n = 0;

	buffer[n++] = (struct virtq_buffer){slot_gpa, sizeof(struct virtio_blk_header), false};
	if (!request->pieces)
		n += describe_contiguous(request, buffer + n);
	for (unsigned i = 0; i < request->piece_count; i++)
		buffer[n++] = (struct virtq_buffer){request->pieces[i].gpa,
						    request->pieces[i].bytes,
						    request->operation == BLOCK_READ};
	buffer[n++] = (struct virtq_buffer){slot_gpa + offsetof(struct slot, status), 1, true};
	return n;
}

static bool submit(struct block_device *disk, struct block_request *request)
{
	static const uint32_t type[] = {
		[BLOCK_READ] = VIRTIO_BLK_T_IN,
		[BLOCK_WRITE] = VIRTIO_BLK_T_OUT,
		[BLOCK_FLUSH] = VIRTIO_BLK_T_FLUSH,
	};
	struct virtio_blk *blk = disk->context;
	struct slot *slot = free_slot(blk);
	struct virtq_buffer buffer[BLOCK_PIECES_MAX + 2];
	uint64_t gpa;
	unsigned n;

	if (!slot)
		return false;
	gpa = blk->slots.gpa + ((char *)slot - (char *)blk->slots.at);
	slot->header = (struct virtio_blk_header){type[request->operation], 0, request->sector};
	slot->status = 0xff;
	n = describe_buffers(request, gpa, buffer);
	if (!virtq_add(&blk->device->queue[0], buffer, n, slot))
		return false;
	slot->request = request;
	blk->busy++;
	return true;
}

static struct block_request *take_one(struct virtio_blk *blk)
{
	struct block_request *request;
	uint32_t written;
	struct slot *slot = virtq_take(&blk->device->queue[0], &written);

	if (!slot)
		return NULL;
	request = slot->request;
	slot->request = NULL;
	blk->busy--;
	request->failed = slot->status != VIRTIO_BLK_S_OK;
	return request;
}

static struct block_request *complete(struct block_device *disk, uint64_t limit_ns)
{
	struct virtio_blk *blk = disk->context;
	struct virtq *queue = &blk->device->queue[0];

	virtq_kick(queue);
	if (!virtq_has_used(queue) && !virtio_queue_wait(queue, limit_ns))
		return NULL;
	return take_one(blk);
}

static void start(struct block_device *disk)
{
	struct virtio_blk *blk = disk->context;
	struct virtq *queue = &blk->device->queue[0];

	if (!disk->is_polled)
		virtq_ask_interrupt(queue, true);
	virtq_kick(queue);
}

/* Once there is nothing left, the next one shall interrupt, unless it came in between. */
static struct block_request *take(struct block_device *disk)
{
	struct virtio_blk *blk = disk->context;
	struct block_request *request = take_one(blk);

	if (request || disk->is_polled)
		return request;
	virtq_ask_interrupt(&blk->device->queue[0], true);
	return take_one(blk);
}

static void on_interrupt(struct virtio_device *device)
{
	struct virtio_blk *blk = device->driver;

	if (blk->disk.interrupted)
		blk->disk.interrupted(&blk->disk);
}

static bool restart(struct block_device *disk)
{
	struct virtio_blk *blk = disk->context;

	return !blk->busy && virtio_queue_restart(blk->device, 0);
}

static void describe(const struct block_device *disk, char *text, unsigned size)
{
	const struct virtio_blk *blk = disk->context;

	virtio_describe(blk->device, text, size);
}

/* The serial number that the host gave the disk, if any. By a polled request like those of the prompt. */
static void read_serial(struct virtio_blk *blk)
{
	struct slot *slot = blk->slots.at;
	struct block_request request = {0};
	char *text = (char *)(slot + DEPTH_MAX);
	const struct virtq_buffer buffer[3] = {
		{blk->slots.gpa, sizeof(slot->header), false},
		{blk->slots.gpa + DEPTH_MAX * sizeof(*slot), SERIAL_BYTES, true},
		{blk->slots.gpa + offsetof(struct slot, status), 1, true},
	};

	slot->header = (struct virtio_blk_header){VIRTIO_BLK_T_GET_ID, 0, 0};
	slot->status = 0xff;
	if (!virtq_add(&blk->device->queue[0], buffer, 3, slot))
		return;
	slot->request = &request;
	blk->busy++;
	if (!complete(&blk->disk, ANSWER_NS) || request.failed)
		return;
	for (unsigned i = 0; i < SERIAL_BYTES && text[i] > ' ' && text[i] < 0x7f; i++)
		blk->disk.serial[i] = text[i] == '/' ? '_' : text[i];
}

void virtio_blk_attach(struct virtio_device *device)
{
	struct virtio_blk *blk = &all[count];
	unsigned pieces;

	if (count == DISKS_MAX || !virtio_start(device, F_READ_ONLY | F_FLUSH) ||
	    !dma_alloc(&blk->slots, DEPTH_MAX * sizeof(struct slot) + SERIAL_BYTES) ||
	    !virtio_queue_open(device, 0, DEPTH_MAX * DESCRIPTORS_EACH))
		return;
	virtio_ready(device);
	blk->device = device;
	device->driver = blk;
	device->on_interrupt = on_interrupt;
	pieces = device->queue[0].size - 2;
	blk->disk = (struct block_device){
		.driver = "virtio-blk",
		.sector_count = virtio_config(device, CONFIG_CAPACITY, 8),
		.request_max = REQUEST_SECTORS_MAX,
		.depth = device->queue[0].size / DESCRIPTORS_EACH,
		.piece_max = pieces < BLOCK_PIECES_MAX ? pieces : BLOCK_PIECES_MAX,
		.read_only = device->negotiated & F_READ_ONLY,
		.writes_through = !(device->negotiated & F_FLUSH),
		.is_polled = virtio_options()->poll,
		.submit = submit,
		.complete = complete,
		.start = start,
		.take = take,
		.restart = device->negotiated & VIRTIO_F_RING_RESET ? restart : NULL,
		.describe = describe,
		.context = blk,
	};
	print_to(blk->disk.name, sizeof(blk->disk.name), "vd%c", 'a' + count++);
	read_serial(blk);
	block_add(&blk->disk);
}
