/* SPDX-License-Identifier: MIT
 *
 * What is sent, by device (virtio 1.2 §5): at most two pieces that the device reads and two that it
 * writes, all in one page.
 */
#include "guest/hostile/request.h"

#include <stddef.h>

#include "guest/lib/string.h"
#include "guest/mm/dma.h"
#include "guest/mm/layout.h"
#include "guest/virtio/blk.h"
#include "guest/virtio/net.h"

#define ANSWER_NS 5000000000ull
#define DATA 256  /* offset of the second piece */
#define REPLY 512 /* of the third */
#define END 2048  /* of the fourth */
#define PIECES_MAX REQUEST_PIECES_MAX
#define CONSOLE_F_MULTIPORT (1ull << 1)

/* One request's shape, and how its answer is judged: bytes that the device must at least write. */
struct shape {
	uint32_t id;
	uint64_t wanted; /* features that make the device one of this kind */
	unsigned queue;
	uint32_t bytes[PIECES_MAX]; /* read, read, written, written; 0: not there */
	uint32_t written_min;
	void (*fill)(uint8_t *page, uint64_t gpa, const struct virtio_device *device);
	bool (*is_good)(const uint8_t *page); /* NULL: whatever was written */
	bool may_end;
};

static void fill_blk(uint8_t *page, uint64_t gpa, const struct virtio_device *device)
{
	const struct virtio_blk_header header = {VIRTIO_BLK_T_IN, 0, 0};

	(void)gpa;
	(void)device;
	memcpy(page, &header, sizeof(header));
	page[END] = 0xff;
}

static bool good_blk(const uint8_t *page)
{
	return page[END] == VIRTIO_BLK_S_OK;
}

/* Behind the empty virtio header, a frame to everybody from nobody, of a type for experiments. */
static void fill_net(uint8_t *page, uint64_t gpa, const struct virtio_device *device)
{
	(void)gpa;
	(void)device;
	memset(page + DATA, 0xff, 6);
	page[DATA + 6] = 0x02;
	page[DATA + 12] = 0x88;
	page[DATA + 13] = 0xb5;
}

static void fill_console(uint8_t *page, uint64_t gpa, const struct virtio_device *device)
{
	static const char text[] = "a proper line\r\n";

	(void)gpa;
	(void)device;
	memcpy(page, text, sizeof(text) - 1);
}

/* DEVICE_READY, on the control queue (§5.3.6.2). */
static void fill_control(uint8_t *page, uint64_t gpa, const struct virtio_device *device)
{
	const struct {
		uint32_t port;
		uint16_t event, value;
	} ready = {0, 0, 1};

	(void)gpa;
	(void)device;
	memcpy(page, &ready, sizeof(ready));
}

static void fill_nothing(uint8_t *page, uint64_t gpa, const struct virtio_device *device)
{
	(void)page;
	(void)gpa;
	(void)device;
}

/* Gives up the page's second half's frame number: a page of its own, see get_page(). */
static void fill_balloon(uint8_t *page, uint64_t gpa, const struct virtio_device *device)
{
	const uint32_t number = gpa / PAGE_BYTES + 1;

	(void)device;
	memcpy(page, &number, sizeof(number));
}

/* A reset for a connection that isn't there, to the host (§5.10.6). */
static void fill_vsock(uint8_t *page, uint64_t gpa, const struct virtio_device *device)
{
	const struct {
		uint64_t from, to;
		uint32_t from_port, to_port, bytes;
		uint16_t type, operation;
		uint32_t flags, room, taken;
	} __attribute__((packed)) header = {
		virtio_config(device, 0, 8), 2, 1024, 1024, 0, 1, 3, 0, 0, 0,
	};

	(void)gpa;
	memcpy(page, &header, sizeof(header));
}

/* FUSE_INIT of protocol 7.31. */
static void fill_fs(uint8_t *page, uint64_t gpa, const struct virtio_device *device)
{
	const struct {
		uint32_t bytes, operation;
		uint64_t unique, node;
		uint32_t user, group, process, pad;
	} header = {56, 26, 1, 0, 0, 0, 0, 0};
	const uint32_t init[4] = {7, 31, 65536, 0};

	(void)gpa;
	(void)device;
	memcpy(page, &header, sizeof(header));
	memcpy(page + DATA, init, sizeof(init));
}

static bool good_fs(const uint8_t *page)
{
	static const uint8_t no_error[4];

	return !memcmp(page + REPLY + 4, no_error, 4);
}

/* Of two kinds with one ID the one that wants more comes first. */
static const struct shape shape[] = {
	{VIRTIO_ID_BLOCK, 0, 0, {16, 0, 512, 1}, 513, fill_blk, good_blk, false},
	{VIRTIO_ID_NET, 0, VIRTIO_NET_TX, {VIRTIO_NET_HEADER_BYTES, 60}, 0, fill_net, NULL, false},
	{VIRTIO_ID_CONSOLE, CONSOLE_F_MULTIPORT, 3, {8}, 0, fill_control, NULL, false},
	{VIRTIO_ID_CONSOLE, 0, 1, {15}, 0, fill_console, NULL, false},
	{VIRTIO_ID_RNG, 0, 0, {0, 0, 64}, 1, fill_nothing, NULL, false},
	{VIRTIO_ID_BALLOON, 0, 0, {4}, 0, fill_balloon, NULL, false},
	{VIRTIO_ID_VSOCK, 0, 1, {44}, 0, fill_vsock, NULL, false},
	{VIRTIO_ID_FS, 0, 1, {40, 16, 16, 64}, 16, fill_fs, good_fs, true},
};

static const struct shape *find_shape(const struct virtio_device *device)
{
	const uint64_t offered = device->transport->get_features(device);

	for (unsigned i = 0; i < sizeof(shape) / sizeof(shape[0]); i++)
		if (shape[i].id == device->id && !(shape[i].wanted & ~offered))
			return &shape[i];
	return NULL;
}

bool request_queue(const struct virtio_device *device, unsigned *index)
{
	const struct shape *s = find_shape(device);

	if (s)
		*index = s->queue;
	return s;
}

uint64_t request_features(const struct virtio_device *device)
{
	const struct shape *s = find_shape(device);

	return s ? s->wanted : 0;
}

bool request_may_end(const struct virtio_device *device)
{
	const struct shape *s = find_shape(device);

	return s && s->may_end;
}

/* Two pages: the second is for the balloon to take. */
static struct dma *get_page(void)
{
	static struct dma page;

	return page.at || dma_alloc(&page, 2 * PAGE_BYTES) ? &page : NULL;
}

unsigned request_prepare(const struct virtio_device *device, struct virtq_buffer *buffer)
{
	static const uint32_t offset[PIECES_MAX] = {0, DATA, REPLY, END};
	const struct shape *s = find_shape(device);
	const struct dma *page = get_page();
	unsigned count = 0;

	if (!s || !page)
		return 0;
	memset(page->at, 0, PAGE_BYTES);
	s->fill(page->at, page->gpa, device);
	for (unsigned i = 0; i < PIECES_MAX; i++)
		if (s->bytes[i])
			buffer[count++] = (struct virtq_buffer){page->gpa + offset[i], s->bytes[i],
								i >= PIECES_MAX / 2};
	return count;
}

bool request_works(struct virtio_device *device)
{
	const struct shape *s = find_shape(device);
	struct virtq_buffer buffer[PIECES_MAX];
	const unsigned count = request_prepare(device, buffer);
	struct dma *page = get_page();
	struct virtq *queue;
	uint32_t written;

	if (!count)
		return false;
	queue = &device->queue[s->queue];
	if (!virtq_add(queue, buffer, count, page))
		return false;
	virtq_kick(queue);
	return virtio_queue_wait(queue, ANSWER_NS) && virtq_take(queue, &written) == page &&
	       written >= s->written_min && (!s->is_good || s->is_good(page->at));
}
