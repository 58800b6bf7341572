/* SPDX-License-Identifier: MIT
 *
 * virtio-mmio register by register: the negotiation of virtio 1.2 §3.1 and §4.2.3, drivers that break its rules, and
 * the acknowledgement that is a doorbell most of the time.
 */
#include "transport_rig.h"

#include "virtio/mmio.h"

enum {
	MAGIC_VALUE = 0x000,
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	QUEUE_SEL = 0x030,
	QUEUE_NUM_MAX = 0x034,
	QUEUE_NUM = 0x038,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC = 0x080,
	QUEUE_DRIVER = 0x090,
	QUEUE_DEVICE = 0x0a0,
	SHM_LEN_LOW = 0x0b0,
	QUEUE_RESET = 0x0c0,
	CONFIG_GENERATION = 0x0fc,
	CONFIG = 0x100
};

#define GPA 0xd0000000ULL
#define GSI 5

static _Alignas(4096) uint8_t page[VIRTIO_MMIO_PAGE_BYTES];
static struct virtio_mmio_options options = {.plugin = &plugin, .gpa = GPA, .page = page};

static int create_transport(void)
{
	const struct device_setup setup = {.loop = loop,
					   .mem = &ram,
					   .wiring = &fake_wiring,
					   .irq = {.gsi = GSI},
					   .options = &options};
	int err;

	memset(page, 0, sizeof(page));
	err = device_create(&virtio_mmio_ops, "toy0", &setup, &transport);
	if (!err)
		vdev = toy_device;
	return err;
}

static int create(void **state)
{
	(void)state;
	rig_prepare();
	return create_transport();
}

static int destroy(void **state)
{
	(void)state;
	rig_finish();
	return 0;
}

/* The guest reads memory; what an exit gives must be the same. */
static uint32_t get(unsigned offset)
{
	uint32_t value = atomic_load((_Atomic uint32_t *)(void *)(page + offset));

	assert_int_equal(virtio_mmio_ops.read(transport, 0, offset, 4), value);
	return value;
}

static void put(unsigned offset, uint32_t value)
{
	if (wires_ring(BUS_MMIO, GPA + offset, 4, value))
		return;
	pthread_mutex_lock(&transport->lock);
	virtio_mmio_ops.write(transport, 0, offset, 4, value);
	pthread_mutex_unlock(&transport->lock);
}

static void put64(unsigned offset, uint64_t value)
{
	put(offset, (uint32_t)value);
	put(offset + 4, (uint32_t)(value >> 32));
}

static uint64_t offered(void)
{
	uint64_t bits;

	put(DEVICE_FEATURES_SEL, 0);
	bits = get(DEVICE_FEATURES);
	put(DEVICE_FEATURES_SEL, 1);
	return bits | (uint64_t)get(DEVICE_FEATURES) << 32;
}

/* §3.1.1, steps 1 to 6. Whether the device took the features. */
static bool negotiate(uint64_t features)
{
	put(STATUS, 0);
	put(STATUS, VIRTIO_STATUS_ACKNOWLEDGE);
	put(STATUS, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	put(DRIVER_FEATURES_SEL, 0);
	put(DRIVER_FEATURES, (uint32_t)features);
	put(DRIVER_FEATURES_SEL, 1);
	put(DRIVER_FEATURES, (uint32_t)(features >> 32));
	put(STATUS, 11);
	return get(STATUS) & VIRTIO_STATUS_FEATURES_OK;
}

/* §4.2.3.2 */
static void set_queue(unsigned queue)
{
	clear_ring(queue);
	put(QUEUE_SEL, queue);
	assert_int_equal(get(QUEUE_READY), 0);
	assert_int_equal(get(QUEUE_NUM_MAX), 16);
	put(QUEUE_NUM, RING_SIZE);
	put64(QUEUE_DESC, DESC_GPA(queue));
	put64(QUEUE_DRIVER, AVAIL_GPA(queue));
	put64(QUEUE_DEVICE, USED_GPA(queue));
	put(QUEUE_READY, 1);
	assert_int_equal(get(QUEUE_READY), 1);
}

static void start(uint64_t features)
{
	assert_true(negotiate(features | VIRTIO_BIT(VIRTIO_F_VERSION_1)));
	for (unsigned i = 0; i < toy_queues; i++)
		set_queue(i);
	put(STATUS, 15);
	assert_int_equal(get(STATUS), 15);
}

static void kick(unsigned queue)
{
	put(QUEUE_NOTIFY, queue);
	turn();
}

/* --- tests */

static void test_after_reset(void **state)
{
	(void)state;
	assert_int_equal(get(MAGIC_VALUE), 0x74726976);
	assert_int_equal(get(VERSION), 2);
	assert_int_equal(get(DEVICE_ID), TOY_ID);
	assert_int_equal(get(STATUS), 0);
	assert_int_equal(get(INTERRUPT_STATUS), 0);
	assert_int_equal(get(SHM_LEN_LOW), UINT32_MAX);
	assert_int_equal(get(SHM_LEN_LOW + 4), UINT32_MAX);
	assert_int_equal(page[CONFIG], 0x10);
	assert_int_equal(page[CONFIG + TOY_CONFIG_BYTES - 1], 0x10 + TOY_CONFIG_BYTES - 1);
	assert_int_equal(page[CONFIG + TOY_CONFIG_BYTES], 0);
	assert_int_equal(offered(),
			 VIRTIO_BIT(VIRTIO_F_VERSION_1) | RING_BITS | VIRTIO_BIT(TOY_FEATURE));
	put(DEVICE_FEATURES_SEL, 2);
	assert_int_equal(get(DEVICE_FEATURES), 0);
	put(QUEUE_SEL, 2);
	assert_int_equal(get(QUEUE_NUM_MAX), 0);
}

static void test_whole_life(void **state)
{
	(void)state;
	start(VIRTIO_BIT(TOY_FEATURE));
	assert_int_equal(model()->starts, 1);
	assert_true(virtio_has(vdev, TOY_FEATURE));
	for (unsigned i = 0; i < 2; i++) {
		offer_buffer(i);
		kick(i);
		assert_int_equal(used_index(i), 1);
	}
	assert_int_equal(get(INTERRUPT_STATUS), 1);
	assert_true(wires_take_interrupts(GSI) >= 2);
	put(STATUS, 0);
	assert_int_equal(get(STATUS), 0);
	assert_int_equal(get(INTERRUPT_STATUS), 0);
	assert_int_equal(model()->resets, 1);
	assert_int_equal(model()->drains, 2);
	put(QUEUE_SEL, 1);
	assert_int_equal(get(QUEUE_READY), 0);
}

static void test_features_refused(void **state)
{
	(void)state;
	assert_false(negotiate(VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(8)));
	assert_false(negotiate(VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_RING_PACKED)));
	assert_false(negotiate(VIRTIO_BIT(TOY_FEATURE))); /* a legacy driver */
	assert_false(negotiate(UINT64_MAX));
	put(STATUS, 15);
	assert_int_equal(get(STATUS), 3);
	assert_int_equal(model()->starts, 0);
	assert_true(negotiate(VIRTIO_BIT(VIRTIO_F_VERSION_1)));
}

/* Negotiated is negotiated, and a driver does not set what is the device's. */
static void test_status_rules(void **state)
{
	(void)state;
	put(STATUS, VIRTIO_STATUS_DRIVER_OK);
	assert_int_equal(get(STATUS), 0);
	put(STATUS, VIRTIO_STATUS_NEEDS_RESET | VIRTIO_STATUS_ACKNOWLEDGE);
	assert_int_equal(get(STATUS), VIRTIO_STATUS_ACKNOWLEDGE);
	assert_true(negotiate(VIRTIO_BIT(VIRTIO_F_VERSION_1)));
	put(DRIVER_FEATURES_SEL, 0);
	put(DRIVER_FEATURES, 1 << TOY_FEATURE);
	assert_false(virtio_has(vdev, TOY_FEATURE));
	put(STATUS, VIRTIO_STATUS_ACKNOWLEDGE); /* bits are not taken back */
	assert_int_equal(get(STATUS), 11);
	put(STATUS, VIRTIO_STATUS_FAILED);
	assert_int_equal(get(STATUS), 11 | VIRTIO_STATUS_FAILED);
	put(STATUS, 0x100); /* the register's low byte is 0 */
	assert_int_equal(get(STATUS), 0);
	put(DRIVER_FEATURES_SEL, 7);
	put(DRIVER_FEATURES, UINT32_MAX);
	assert_int_equal(vdev->features, 0);
}

static void test_selectors(void **state)
{
	(void)state;
	put(QUEUE_SEL, UINT32_MAX);
	put(QUEUE_NUM, 8);
	put(QUEUE_READY, 1);
	put(QUEUE_RESET, 1);
	assert_int_equal(get(QUEUE_READY), 0);
	assert_int_equal(get(QUEUE_NUM_MAX), 0);
	put(QUEUE_SEL, 0);
	assert_int_equal(get(QUEUE_NUM_MAX), 16);
}

static void test_fields_of_a_ready_queue_stay(void **state)
{
	(void)state;
	start(0);
	put(QUEUE_SEL, 0);
	put(QUEUE_NUM, 4);
	put64(QUEUE_DESC, 0xdead000);
	put64(QUEUE_DRIVER, 0xdead000);
	put64(QUEUE_DEVICE, 0xdead000);
	assert_int_equal(vdev->queue[0]->config.size, RING_SIZE);
	assert_int_equal(vdev->queue[0]->config.desc_gpa, DESC_GPA(0));
	assert_int_equal(vdev->queue[0]->config.driver_gpa, AVAIL_GPA(0));
	assert_int_equal(vdev->queue[0]->config.device_gpa, USED_GPA(0));
}

static void test_ring_reset(void **state)
{
	(void)state;
	start(VIRTIO_BIT(VIRTIO_F_RING_RESET));
	offer_buffer(0);
	kick(0);
	put(QUEUE_SEL, 0);
	put(QUEUE_RESET, 1);
	assert_int_equal(get(QUEUE_RESET), 0);
	assert_int_equal(get(QUEUE_READY), 0);
	assert_int_equal(vdev->queue[0]->config.desc_gpa, 0);
	offer_buffer(0);
	kick(0);
	assert_int_equal(used_index(0), 1);
	set_queue(0); /* live again at once, §2.6.1 */
	offer_buffer(0);
	kick(0);
	assert_int_equal(used_index(0), 1);
	offer_buffer(1);
	kick(1);
	assert_int_equal(used_index(1), 1);
	assert_int_equal(get(STATUS), 15);
}

static void test_ring_reset_not_negotiated(void **state)
{
	(void)state;
	start(0);
	put(QUEUE_SEL, 0);
	put(QUEUE_RESET, 1);
	assert_int_equal(get(QUEUE_READY), 1);
}

static void test_queue_outside_ram(void **state)
{
	(void)state;
	assert_true(negotiate(VIRTIO_BIT(VIRTIO_F_VERSION_1)));
	put(QUEUE_SEL, 0);
	put(QUEUE_NUM, RING_SIZE);
	put64(QUEUE_DESC, UINT64_MAX & ~0xfffULL);
	put64(QUEUE_DRIVER, AVAIL_GPA(0));
	put64(QUEUE_DEVICE, USED_GPA(0));
	put(QUEUE_READY, 1);
	put(STATUS, 15);
	assert_int_equal(get(STATUS), 15 | VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(get(INTERRUPT_STATUS), 2);
	start(0);
	offer_buffer(0);
	kick(0);
	assert_int_equal(used_index(0), 1);
}

static void test_bad_sizes(void **state)
{
	static const uint32_t rows[] = {0, 3, 17, 32, 0x10000, 0x10010, UINT32_MAX};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_true(negotiate(VIRTIO_BIT(VIRTIO_F_VERSION_1)));
		set_queue(1);
		put(QUEUE_READY, 0);
		put(QUEUE_NUM, rows[i]);
		put64(QUEUE_DESC, DESC_GPA(0));
		put64(QUEUE_DRIVER, AVAIL_GPA(0));
		put64(QUEUE_DEVICE, USED_GPA(0));
		put(QUEUE_READY, 1);
		put(STATUS, 15);
		assert_true(get(STATUS) & VIRTIO_STATUS_NEEDS_RESET);
	}
}

static void test_broken_device_says_so(void **state)
{
	(void)state;
	start(0);
	offer_nonsense(1);
	kick(1);
	assert_int_equal(get(STATUS), 15 | VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(get(INTERRUPT_STATUS), 2);
	assert_int_equal(wires_take_interrupts(GSI), 1);
	start(0);
	offer_buffer(1);
	kick(1);
	assert_int_equal(used_index(1), 1);
}

static void break_and_reset(void)
{
	for (unsigned i = 0; i < 50; i++) {
		start(0);
		offer_nonsense(0);
		kick(0);
		assert_true(get(STATUS) & VIRTIO_STATUS_NEEDS_RESET);
	}
}

static void test_host_is_not_flooded(void **state)
{
	unsigned lines = lines_of(break_and_reset);

	(void)state;
	assert_in_range(lines, 1, 4);
}

static void test_start_fails(void **state)
{
	(void)state;
	toy_start_error = -EIO;
	assert_true(negotiate(VIRTIO_BIT(VIRTIO_F_VERSION_1)));
	put(STATUS, 15);
	assert_int_equal(get(STATUS), 15 | VIRTIO_STATUS_NEEDS_RESET);
}

/* --- interrupts and their acknowledgement */

static bool ack_is_doorbell(void)
{
	return fake_find_doorbell(BUS_MMIO, GPA + INTERRUPT_ACK, 4, 1) >= 0;
}

static void change_config(uint8_t value)
{
	virtio_set_config(vdev, 0, &value, 1);
}

static void test_config_change(void **state)
{
	uint32_t generation;

	(void)state;
	start(0);
	generation = get(CONFIG_GENERATION);
	assert_true(ack_is_doorbell());
	change_config(0x99);
	assert_int_equal(page[CONFIG], 0x99);
	assert_int_not_equal(get(CONFIG_GENERATION), generation);
	assert_int_equal(get(INTERRUPT_STATUS), 2);
	assert_false(ack_is_doorbell());
	assert_int_equal(wires_take_interrupts(GSI), 1);
	put(INTERRUPT_ACK, 1); /* of used buffers: exits, and changes nothing */
	assert_int_equal(get(INTERRUPT_STATUS), 2);
	assert_false(ack_is_doorbell());
	put(INTERRUPT_ACK, 3);
	assert_int_equal(get(INTERRUPT_STATUS), 0);
	assert_true(ack_is_doorbell());
}

static void test_second_change_before_the_acknowledgement(void **state)
{
	(void)state;
	start(0);
	change_config(1);
	change_config(2);
	assert_int_equal(page[CONFIG], 2);
	assert_int_equal(wires.doorbell_count, 2); /* queues only */
	put(INTERRUPT_ACK, 2);
	assert_true(ack_is_doorbell());
	change_config(3);
	assert_int_equal(get(INTERRUPT_STATUS), 2);
	assert_false(ack_is_doorbell());
}

/* A driver that starts later must find what changed before. */
static void test_config_change_without_driver(void **state)
{
	(void)state;
	change_config(0x77);
	assert_int_equal(page[CONFIG], 0x77);
	assert_int_equal(get(INTERRUPT_STATUS), 0);
	assert_int_equal(wires_take_interrupts(GSI), 0);
	assert_true(ack_is_doorbell());
}

static void test_reset_with_a_change_pending(void **state)
{
	(void)state;
	start(0);
	change_config(1);
	put(STATUS, 0);
	assert_int_equal(get(INTERRUPT_STATUS), 0);
	assert_true(ack_is_doorbell());
}

static void test_acknowledgement_without_doorbell(void **state)
{
	(void)state;
	start(0);
	wires.doorbells_left = 0; /* KVM has no more */
	change_config(1);
	put(INTERRUPT_ACK, 2);
	assert_int_equal(get(INTERRUPT_STATUS), 0);
	assert_false(ack_is_doorbell());
	change_config(2);
	assert_int_equal(get(INTERRUPT_STATUS), 2);
	wires.doorbells_left = -1;
	put(INTERRUPT_ACK, 2);
	assert_true(ack_is_doorbell());
}

/* As the guest's processor reads it. */
static uint32_t interrupt_status(void)
{
	return atomic_load((_Atomic uint32_t *)(void *)(page + INTERRUPT_STATUS));
}

static void *change_for_ever(void *stop)
{
	for (unsigned i = 0; !atomic_load((atomic_bool *)stop); i++)
		change_config((uint8_t)i);
	return NULL;
}

/* Changes and acknowledgements at once: in the end the bit and the doorbell say the same. */
static void test_config_race(void **state)
{
	atomic_bool stop = false;
	pthread_t thread;

	(void)state;
	start(0);
	assert_int_equal(pthread_create(&thread, NULL, change_for_ever, &stop), 0);
	for (unsigned i = 0; i < 2000; i++) {
		if (interrupt_status() & 2)
			put(INTERRUPT_ACK, 2);
		if (i % 100 == 0)
			start(0);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(ack_is_doorbell(), !(get(INTERRUPT_STATUS) & 2));
	assert_int_equal(page[CONFIG], vdev->config[0]);
}

static void test_config_space_writes(void **state)
{
	uint32_t generation = get(CONFIG_GENERATION);

	(void)state;
	virtio_mmio_ops.write(transport, 0, CONFIG + TOY_WRITABLE - 1, 1, 0xff); /* read-only */
	virtio_mmio_ops.write(transport, 0, CONFIG + TOY_WRITABLE + 3, 1, 0xee);
	virtio_mmio_ops.write(transport, 0, CONFIG + TOY_WRITABLE - 4, 8, 0x1111111122222222);
	virtio_mmio_ops.write(transport, 0, CONFIG + TOY_CONFIG_BYTES, 4, 0xffffffff);
	virtio_mmio_ops.write(transport, 0, VIRTIO_MMIO_PAGE_BYTES - 8, 8, UINT64_MAX);
	assert_int_equal(page[CONFIG + TOY_WRITABLE - 1], 0x17);
	assert_int_equal(get(CONFIG + TOY_WRITABLE), 0x11111111);
	assert_int_equal(get(CONFIG + TOY_CONFIG_BYTES), 0);
	assert_int_equal(model()->config_writes, 3);
	assert_int_not_equal(get(CONFIG_GENERATION), generation);
}

/* §4.2.2: registers are taken in 32 bits only, and the read-only ones not at all. */
static void test_odd_writes(void **state)
{
	uint8_t before[CONFIG];

	(void)state;
	memcpy(before, page, sizeof(before));
	for (unsigned width = 1; width <= 8; width *= 2)
		for (unsigned offset = 0; offset + width <= CONFIG; offset++)
			if (width != 4 || offset % 4)
				virtio_mmio_ops.write(transport, 0, offset, width, UINT64_MAX);
	for (unsigned offset = 0; offset < DEVICE_FEATURES_SEL; offset += 4)
		put(offset, UINT32_MAX);
	assert_memory_equal(page, before, sizeof(before));
	assert_int_equal(virtio_mmio_ops.read(transport, 0, MAGIC_VALUE, 1), 0);
	assert_int_equal(virtio_mmio_ops.read(transport, 0, MAGIC_VALUE, 8), 0);
	assert_int_equal(virtio_mmio_ops.read(transport, 0, CONFIG + 1, 1), 0x11);
}

static void test_kicks_of_no_queue(void **state)
{
	(void)state;
	start(0);
	turn();
	unsigned serves = model()->serves;

	kick(2);
	kick(0xffff0000);
	assert_int_equal(model()->serves, serves);
	wires.doorbell_count = 0; /* as if KVM had none: the kick exits */
	kick(1);
	assert_int_equal(model()->serves, serves + 1);
}

/* --- wiring */

static void test_one_queue_has_a_wildcard(void **state)
{
	(void)state;
	device_destroy(transport);
	wires_init();
	toy_queues = 1;
	assert_int_equal(create_transport(), 0);
	assert_int_equal(wires.doorbell[0].width, 0);
	assert_int_equal(wires.doorbell[0].addr, GPA + QUEUE_NOTIFY);
}

/* Whatever fails on the way, nothing is left behind. */
static void test_failing_realize(void **state)
{
	unsigned before;

	(void)state;
	device_destroy(transport);
	transport = NULL;
	before = open_files();
	for (int left = 0; left < 2; left++) {
		wires_init();
		wires.doorbells_left = left;
		assert_int_equal(create_transport(), -ENOSPC);
	}
	wires_init();
	wires.irqfds_left = 0;
	assert_int_equal(create_transport(), -ENOSPC);
	assert_int_equal(toy_destroyed, 4);
	wires_init();
	toy_realize_error = -ENODEV;
	assert_int_equal(create_transport(), -ENODEV);
	assert_int_equal(open_files(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_after_reset),
		TEST(test_whole_life),
		TEST(test_features_refused),
		TEST(test_status_rules),
		TEST(test_selectors),
		TEST(test_fields_of_a_ready_queue_stay),
		TEST(test_ring_reset),
		TEST(test_ring_reset_not_negotiated),
		TEST(test_queue_outside_ram),
		TEST(test_bad_sizes),
		TEST(test_broken_device_says_so),
		TEST(test_host_is_not_flooded),
		TEST(test_start_fails),
		TEST(test_config_change),
		TEST(test_second_change_before_the_acknowledgement),
		TEST(test_config_change_without_driver),
		TEST(test_reset_with_a_change_pending),
		TEST(test_acknowledgement_without_doorbell),
		TEST(test_config_race),
		TEST(test_config_space_writes),
		TEST(test_odd_writes),
		TEST(test_kicks_of_no_queue),
		TEST(test_one_queue_has_a_wildcard),
		TEST(test_failing_realize),
	};

	return cmocka_run_group_tests_name("virtio_mmio", tests, NULL, NULL);
}
