/* SPDX-License-Identifier: MIT
 *
 * virtio-blk: every kind of request, however its bytes are cut into buffers, at the bounds of the disk and beyond
 * them, and requests that are on their way when the driver resets.
 */
#include "virtio_fakes.h"
#include "virtio_rig.h"

#include "virtio/blk.h"
#include "virtio_blk.h"

#define SECTORS 64
#define FLUSH VIRTIO_BIT(VIRTIO_BLK_F_FLUSH)
#define PENDING 0xee /* what is in a status byte before the device writes it */

static struct rig rig;
static uint8_t image[SECTORS * 512];
static struct virtio_blk_options options = {.block = &disk, .serial = "SN-0815", .queues = 2};

static void prepare(bool read_only, bool cache)
{
	for (unsigned i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)(i / 512 * 7 + i);
	disk = (struct block){.info = {.size_bytes = sizeof(image),
				       .physical_sector_bytes = 4096,
				       .discard_granularity_bytes = 4096,
				       .read_only = read_only,
				       .volatile_cache = cache},
			      .bytes = image};
	disk_queue_count = 0;
	disk_is_quick = true;
	disk_error = 0;
}

static int create(void **state)
{
	(void)state;
	prepare(false, true);
	rig_open(&rig, &virtio_blk_model, &options, GMEM_ANONYMOUS);
	rig_start(&rig, FLUSH);
	return 0;
}

static int destroy(void **state)
{
	(void)state;
	rig_close(&rig);
	assert_int_equal(source_count, 0);
	return 0;
}

static void reopen(bool read_only, bool cache, uint64_t features)
{
	rig_close(&rig);
	prepare(read_only, cache);
	rig_open(&rig, &virtio_blk_model, &options, GMEM_ANONYMOUS);
	rig_start(&rig, features);
}

/* --- a request as the driver sees it: out bytes, in bytes, each cut in two at a place of its own */

static uint8_t *data_in;
static uint8_t *status_byte;

static void submit(const void *out, uint32_t out_bytes, uint32_t out_cut, uint32_t in_bytes,
		   uint32_t in_cut)
{
	struct driver *d = &rig.queue[0];
	uint64_t out_gpa = rig_data(&rig, 0, out_bytes);
	uint64_t in_gpa = rig_data(&rig, 0, in_bytes);
	const struct driver_buffer part[4] = {
		{out_gpa, out_cut, false},
		{out_gpa + out_cut, out_bytes - out_cut, false},
		{in_gpa, in_cut, true},
		{in_gpa + in_cut, in_bytes - in_cut, true},
	};
	struct driver_buffer buffer[4];
	unsigned count = 0;

	for (unsigned i = 0; i < 4; i++)
		if (part[i].len_bytes)
			buffer[count++] = part[i];
	memcpy(driver_hva(d, out_gpa), out, out_bytes);
	data_in = driver_hva(d, in_gpa);
	status_byte = data_in + in_bytes - 1;
	*status_byte = PENDING;
	assert_true(driver_add(d, buffer, count, false, in_gpa));
	driver_show(d);
	virtio_queue_kick(rig.vdev->queue[0]);
	rig_turn(&rig, 1);
}

/* The status; *written: how many bytes of in the device says it wrote. */
static int finish(uint32_t *written)
{
	int taken = rig_take(&rig, 0, NULL, 0);

	if (taken < 0)
		return -1;
	if (written)
		*written = (uint32_t)taken;
	return *status_byte;
}

static int run(uint32_t type, uint64_t sector, const void *data, uint32_t data_bytes,
	       uint32_t in_bytes)
{
	static uint8_t out[16 + 0x8000];
	const struct virtio_blk_header header = {.type = type, .sector = sector};

	memcpy(out, &header, sizeof(header));
	if (data_bytes)
		memcpy(out + sizeof(header), data, data_bytes);
	submit(out, 16 + data_bytes, 16, in_bytes + 1, in_bytes);
	return finish(NULL);
}

static int zero(uint32_t type, uint64_t sector, uint32_t count, uint32_t flags)
{
	const struct virtio_blk_segment segment = {sector, count, flags};

	return run(type, 0, &segment, sizeof(segment), 0);
}

/* --- tests */

static void test_config(void **state)
{
	struct virtio_blk_config config = {0};

	(void)state;
	virtio_read_config(rig.vdev, 0, &config, VIRTIO_BLK_CONFIG_BYTES);
	assert_int_equal(config.capacity, SECTORS);
	assert_int_equal(config.blk_size, 512);
	assert_int_equal(config.physical_block_exp, 3);
	assert_int_equal(config.num_queues, 2);
	assert_int_equal(config.max_discard_seg, 1);
	assert_int_equal(config.discard_sector_alignment, 8);
	assert_true(rig.vdev->offered & FLUSH);
	assert_true(rig.vdev->offered & VIRTIO_BIT(VIRTIO_BLK_F_MQ));
	assert_false(rig.vdev->offered & VIRTIO_BIT(VIRTIO_BLK_F_RO));
}

static void test_read_and_write(void **state)
{
	uint8_t data[1024];
	const struct virtio_blk_header header = {.type = VIRTIO_BLK_T_IN, .sector = 3};
	uint32_t written;

	(void)state;
	submit(&header, 16, 16, 1025, 1024);
	assert_int_equal(finish(&written), VIRTIO_BLK_S_OK);
	assert_int_equal(written, 1025);
	assert_memory_equal(data_in, image + 3 * 512, 1024);
	memset(data, 0x5c, sizeof(data));
	assert_int_equal(run(VIRTIO_BLK_T_OUT, 62, data, sizeof(data), 0), VIRTIO_BLK_S_OK);
	assert_memory_equal(image + 62 * 512, data, sizeof(data));
	assert_int_equal(disk.count[BLOCK_FLUSH], 0);
	assert_true(rig.interrupts[0] >= 2);
}

/* §2.7.4.1: where buffers begin and end means nothing. */
static void test_framing(void **state)
{
	uint8_t out[16 + 512];
	struct virtio_blk_header header = {.type = VIRTIO_BLK_T_OUT, .sector = 5};

	(void)state;
	for (uint32_t cut = 0; cut <= sizeof(out); cut++) {
		memcpy(out, &header, 16);
		memset(out + 16, (int)cut, 512);
		submit(out, sizeof(out), cut, 1, 0);
		assert_int_equal(finish(NULL), VIRTIO_BLK_S_OK);
		assert_memory_equal(image + 5 * 512, out + 16, 512);
	}
	header.type = VIRTIO_BLK_T_IN;
	for (uint32_t cut = 0; cut <= 513; cut++) {
		submit(&header, 16, cut % 17, 513, cut);
		assert_int_equal(finish(NULL), VIRTIO_BLK_S_OK);
		assert_memory_equal(data_in, image + 5 * 512, 512);
		memset(data_in, 0, 512);
	}
}

static void test_bounds(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t bytes;
		int status;
	} rows[] = {
		{0, 0, VIRTIO_BLK_S_OK},
		{SECTORS, 0, VIRTIO_BLK_S_OK},
		{SECTORS - 1, 512, VIRTIO_BLK_S_OK},
		{SECTORS - 1, 1024, VIRTIO_BLK_S_IOERR},
		{SECTORS, 512, VIRTIO_BLK_S_IOERR},
		{SECTORS + 1, 0, VIRTIO_BLK_S_IOERR},
		{UINT64_MAX, 512, VIRTIO_BLK_S_IOERR},
		{UINT64_MAX - 1, 1024, VIRTIO_BLK_S_IOERR},
		{UINT64_MAX / 512 + 1, 512, VIRTIO_BLK_S_IOERR},
		{0, 511, VIRTIO_BLK_S_IOERR},
		{0, 513, VIRTIO_BLK_S_IOERR},
		{0, 1, VIRTIO_BLK_S_IOERR},
	};
	static const uint8_t data[1024];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(run(VIRTIO_BLK_T_IN, rows[i].sector, NULL, 0, rows[i].bytes),
				 rows[i].status);
		assert_int_equal(run(VIRTIO_BLK_T_OUT, rows[i].sector, data, rows[i].bytes, 0),
				 rows[i].status);
	}
	assert_int_equal(disk.count[BLOCK_READ], 1);
	assert_int_equal(disk.count[BLOCK_WRITE], 1);
}

static void test_flush_and_id(void **state)
{
	uint32_t written;
	const struct virtio_blk_header id = {.type = VIRTIO_BLK_T_GET_ID};

	(void)state;
	assert_int_equal(run(VIRTIO_BLK_T_FLUSH, 0, NULL, 0, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(disk.count[BLOCK_FLUSH], 1);
	submit(&id, 16, 16, 21, 20);
	assert_int_equal(finish(&written), VIRTIO_BLK_S_OK);
	assert_int_equal(written, 21);
	assert_memory_equal(data_in, "SN-0815\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	assert_int_equal(run(VIRTIO_BLK_T_GET_ID, 0, NULL, 0, 19), VIRTIO_BLK_S_IOERR);
}

static void test_unknown_and_short_requests(void **state)
{
	static const uint32_t types[] = {2, 3, 5, 7, 9, 10, 12, 14, 0x80000000, UINT32_MAX};
	const struct virtio_blk_header header = {.type = VIRTIO_BLK_T_IN};

	(void)state;
	for (unsigned i = 0; i < sizeof(types) / sizeof(*types); i++)
		assert_int_equal(run(types[i], 0, NULL, 0, 512), VIRTIO_BLK_S_UNSUPP);
	for (uint32_t len = 1; len < 16; len++) {
		submit(&header, len, len, 513, 512);
		assert_int_equal(finish(NULL), VIRTIO_BLK_S_IOERR);
	}
	assert_false(rig_is_broken(&rig));
}

static void test_no_room_for_status(void **state)
{
	static const uint8_t out[16];

	(void)state;
	rig_send(&rig, 0, out, sizeof(out), 0);
	rig_turn(&rig, 1);
	assert_true(rig_is_broken(&rig));
	assert_int_equal(rig.config_interrupts, 1);
}

static void test_discard_and_zeroes(void **state)
{
	uint8_t long_request[40] = {0};

	(void)state;
	assert_int_equal(zero(VIRTIO_BLK_T_DISCARD, 8, 16, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(disk.last.op, BLOCK_DISCARD);
	assert_int_equal(disk.last.offset_bytes, 8 * 512);
	assert_int_equal(disk.last.len_bytes, 16 * 512);
	assert_int_equal(zero(VIRTIO_BLK_T_WRITE_ZEROES, 0, SECTORS, VIRTIO_BLK_UNMAP),
			 VIRTIO_BLK_S_OK);
	assert_int_equal(disk.last.op, BLOCK_WRITE_ZEROES);
	assert_true(disk.last.may_unmap);
	assert_int_equal(zero(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0), VIRTIO_BLK_S_OK);
	assert_false(disk.last.may_unmap);
	assert_int_equal(zero(VIRTIO_BLK_T_DISCARD, 0, 0, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(zero(VIRTIO_BLK_T_DISCARD, 0, 1, VIRTIO_BLK_UNMAP), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(zero(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 2), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(zero(VIRTIO_BLK_T_DISCARD, 0, SECTORS + 1, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(zero(VIRTIO_BLK_T_DISCARD, 1, UINT32_MAX, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(zero(VIRTIO_BLK_T_DISCARD, UINT64_MAX, 1, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(VIRTIO_BLK_T_DISCARD, 0, long_request, 32, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(VIRTIO_BLK_T_DISCARD, 0, long_request, 15, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(disk.count[BLOCK_DISCARD], 1);
	assert_int_equal(disk.count[BLOCK_WRITE_ZEROES], 2);
}

static void test_read_only(void **state)
{
	static const uint8_t data[512];

	(void)state;
	reopen(true, true, FLUSH);
	assert_true(rig.vdev->offered & VIRTIO_BIT(VIRTIO_BLK_F_RO));
	assert_false(rig.vdev->offered & VIRTIO_BIT(VIRTIO_BLK_F_DISCARD));
	assert_int_equal(run(VIRTIO_BLK_T_OUT, 0, data, 512, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(zero(VIRTIO_BLK_T_DISCARD, 0, 1, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(zero(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(VIRTIO_BLK_T_IN, 0, NULL, 0, 512), VIRTIO_BLK_S_OK);
}

/* §5.2.6.2: a driver that knows of no cache finds its writes durable; without a cache there is nothing to do. */
static void test_write_through(void **state)
{
	static const uint8_t data[512];

	(void)state;
	reopen(false, true, 0);
	assert_int_equal(run(VIRTIO_BLK_T_OUT, 0, data, 512, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(disk.count[BLOCK_FLUSH], 1);
	assert_int_equal(run(VIRTIO_BLK_T_IN, 0, NULL, 0, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(disk.count[BLOCK_FLUSH], 1);
	reopen(false, false, 0);
	assert_false(rig.vdev->offered & FLUSH);
	assert_int_equal(run(VIRTIO_BLK_T_OUT, 0, data, 512, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(disk.count[BLOCK_FLUSH], 0);
}

static void test_errors_of_the_disk(void **state)
{
	static const uint8_t data[512];

	(void)state;
	disk_error = -ENOSPC;
	assert_int_equal(run(VIRTIO_BLK_T_OUT, 0, data, 512, 0), VIRTIO_BLK_S_IOERR);
	disk_error = -ENOTSUP;
	assert_int_equal(zero(VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	assert_false(rig_is_broken(&rig));
}

static void test_later_completions(void **state)
{
	struct virtio_blk_header header = {.type = VIRTIO_BLK_T_IN};
	uint8_t *status[4];

	(void)state;
	disk_is_quick = false;
	for (unsigned i = 0; i < 4; i++) {
		header.sector = i;
		submit(&header, 16, 16, 513, 512);
		status[i] = status_byte;
		assert_int_equal(*status[i], PENDING);
	}
	assert_int_equal(finish(NULL), -1);
	disk_complete(1); /* the last one */
	assert_int_equal(*status[3], VIRTIO_BLK_S_OK);
	assert_int_equal(*status[0], PENDING);
	disk_complete(3);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(rig_take(&rig, 0, NULL, 0), 513);
	assert_int_equal(*status[0], VIRTIO_BLK_S_OK);
}

/* A reset waits for what is in flight: afterwards the memory is the guest's again. */
static void test_reset_drains(void **state)
{
	const struct virtio_blk_header header = {.type = VIRTIO_BLK_T_IN, .sector = 1};

	(void)state;
	disk_is_quick = false;
	for (unsigned i = 0; i < 3; i++)
		submit(&header, 16, 16, 513, 512);
	assert_int_equal(disk_queue[0].count, 3);
	virtio_write_status(rig.vdev, 0);
	assert_int_equal(disk_queue[0].count, 0);
	assert_int_equal(*status_byte, VIRTIO_BLK_S_OK);
	rig_start(&rig, FLUSH);
	submit(&header, 16, 16, 513, 512);
	disk_complete(1);
	assert_int_equal(finish(NULL), VIRTIO_BLK_S_OK);
}

static void test_resize(void **state)
{
	uint64_t capacity;

	(void)state;
	disk.info.size_bytes = 16 * 512;
	disk.resized(disk.resized_ctx);
	virtio_read_config(rig.vdev, 0, &capacity, sizeof(capacity));
	assert_int_equal(capacity, 16);
	assert_int_equal(rig.config_interrupts, 1);
	assert_int_equal(run(VIRTIO_BLK_T_IN, 16, NULL, 0, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(run(VIRTIO_BLK_T_IN, 15, NULL, 0, 512), VIRTIO_BLK_S_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_config),
		TEST(test_read_and_write),
		TEST(test_framing),
		TEST(test_bounds),
		TEST(test_flush_and_id),
		TEST(test_unknown_and_short_requests),
		TEST(test_no_room_for_status),
		TEST(test_discard_and_zeroes),
		TEST(test_read_only),
		TEST(test_write_through),
		TEST(test_errors_of_the_disk),
		TEST(test_later_completions),
		TEST(test_reset_drains),
		TEST(test_resize),
	};

	return cmocka_run_group_tests_name("virtio_blk", tests, NULL, NULL);
}
