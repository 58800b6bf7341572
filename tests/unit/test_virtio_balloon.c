/* SPDX-License-Identifier: MIT
 *
 * virtio-balloon: pages really go back to the host (mincore), of private and of shared RAM; statistics come when asked
 * for; spans that are no RAM do no harm.
 */
#include "virtio_rig.h"

#include <sys/mman.h>

#include "observe/counters.h"
#include "virtio/balloon.h"

#define VICTIM_GPA 0x300000u /* behind the data areas of the queues in use */
#define PAGE 4096u

#define NOT_TOLD 0xbadbadULL

enum { INFLATE, DEFLATE, STATS, REPORTING };
enum { FREE_TAG = 4, TOTAL_TAG = 5 }; /* virtio 1.2 §5.5.6.4 */

static struct rig rig;

static void open_balloon(enum gmem_backing backing, uint64_t stats_interval_ns)
{
	struct virtio_balloon_options options = {.target_bytes = 1 << 20,
						 .stats_interval_ns = stats_interval_ns,
						 .reporting = true,
						 .deflate_on_oom = true};

	rig_open(&rig, &virtio_balloon_model, &options, backing);
	gmem_use_huge_pages(&rig.mem, false);
	rig.vdev->offered |= VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
	rig_start(&rig, rig.vdev->offered);
	memset(driver_hva(&rig.queue[0], VICTIM_GPA), 0x5a, 64 * PAGE);
}

/* What --stats would say. */
static uint64_t figure(const char *name)
{
	struct device_figure figure;

	for (unsigned i = 0; virtio_device_figure(rig.vdev, i, &figure); i++)
		if (!strcmp(figure.name, name))
			return figure.value;
	return NOT_TOLD;
}

static unsigned resident(uint64_t gpa, unsigned pages)
{
	unsigned char map[64];
	unsigned count = 0;

	assert_int_equal(mincore(driver_hva(&rig.queue[0], gpa), (size_t)pages * PAGE, map), 0);
	for (unsigned i = 0; i < pages; i++)
		count += map[i] & 1;
	return count;
}

static void inflate_and_look(enum gmem_backing backing)
{
	uint32_t pfn[] = {VICTIM_GPA / PAGE + 3, VICTIM_GPA / PAGE + 2, VICTIM_GPA / PAGE + 1,
			  VICTIM_GPA / PAGE + 9, VICTIM_GPA / PAGE + 10};

	open_balloon(backing, 0);
	assert_int_equal(resident(VICTIM_GPA, 64), 64);
	rig_send(&rig, INFLATE, pfn, sizeof(pfn), 0);
	rig_turn(&rig, 5);
	assert_int_equal(rig_take(&rig, INFLATE, NULL, 0), 0);
	assert_int_equal(resident(VICTIM_GPA, 64), 59);
	assert_int_equal(*(uint8_t *)driver_hva(&rig.queue[0], VICTIM_GPA), 0x5a);
	assert_int_equal(*(uint8_t *)driver_hva(&rig.queue[0], VICTIM_GPA + PAGE), 0);
	assert_int_equal(*(uint8_t *)driver_hva(&rig.queue[0], VICTIM_GPA + 4 * PAGE), 0x5a);
	assert_int_equal(figure("inflated_bytes"), sizeof(pfn) / 4 * PAGE);
	rig_send(&rig, DEFLATE, pfn, sizeof(pfn), 0);
	rig_turn(&rig, 5);
	assert_int_equal(figure("deflated_bytes"), sizeof(pfn) / 4 * PAGE);
	rig_close(&rig);
}

static void test_inflate(void **state)
{
	(void)state;
	inflate_and_look(GMEM_ANONYMOUS);
	inflate_and_look(GMEM_MEMFD);
}

static void test_reporting(void **state)
{
	struct driver_buffer span[] = {{VICTIM_GPA, 8 * PAGE, true},
				       {VICTIM_GPA + 32 * PAGE, 16 * PAGE, true}};

	(void)state;
	open_balloon(GMEM_ANONYMOUS, 0);
	assert_true(driver_add(&rig.queue[REPORTING], span, 2, false, 0));
	driver_show(&rig.queue[REPORTING]);
	virtio_queue_kick(rig.vdev->queue[REPORTING]);
	rig_turn(&rig, 5);
	assert_int_equal(resident(VICTIM_GPA, 64), 40);
	assert_int_equal(figure("reported_bytes"), 24 * PAGE);
	rig_close(&rig);
}

static void test_hostile(void **state)
{
	uint32_t pfn[] = {0xffffffff, 0, 0x7fffffff, DRIVER_RAM_BYTES / PAGE - 1,
			  DRIVER_RAM_BYTES / PAGE};
	static uint8_t endless[0x8000];

	(void)state;
	open_balloon(GMEM_ANONYMOUS, 0);
	rig_send(&rig, INFLATE, pfn, sizeof(pfn), 0);
	rig_send(&rig, INFLATE, "abc", 3, 0); /* less than one page number */
	rig_turn(&rig, 5);
	assert_int_equal(rig_take(&rig, INFLATE, NULL, 0), 0);
	assert_int_equal(rig_take(&rig, INFLATE, NULL, 0), 0);
	assert_int_equal(figure("rejected_spans"), 3);
	assert_false(rig_is_broken(&rig));
	rig_send(&rig, INFLATE, endless, sizeof(endless), 0);
	rig_turn(&rig, 5);
	assert_true(rig_is_broken(&rig));
	rig_close(&rig);
}

static void put_stat(uint8_t *to, uint16_t tag, uint64_t value)
{
	memcpy(to, &tag, 2);
	memcpy(to + 2, &value, 8);
}

static void test_statistics(void **state)
{
	uint8_t stats[45];

	(void)state;
	open_balloon(GMEM_ANONYMOUS, 50 * 1000000);
	put_stat(stats, FREE_TAG, 12345);
	put_stat(stats + 10, TOTAL_TAG, 67890);
	put_stat(stats + 20, 999, 1);
	put_stat(stats + 30, 0xffff, 1);
	rig_send(&rig, STATS, stats, sizeof(stats), 0);
	rig_turn(&rig, 1);
	assert_int_equal(rig_take(&rig, STATS, NULL, 0), -1); /* it is kept until it is wanted */
	assert_int_equal(figure("guest_free_bytes"), 12345);
	assert_int_equal(figure("guest_total_bytes"), 67890);
	assert_int_equal(figure("guest_swap_in_bytes"), NOT_TOLD);
	assert_int_equal(figure("guest_hugetlb_failures"), NOT_TOLD);
	rig_turn(&rig, 100);
	assert_int_equal(rig_take(&rig, STATS, NULL, 0), 0);
	put_stat(stats, FREE_TAG, 54321);
	rig_send(&rig, STATS, stats, sizeof(stats), 0);
	rig_turn(&rig, 1);
	assert_int_equal(figure("guest_free_bytes"), 54321);
	/* A reset while the buffer is kept, and a driver that offers many. */
	virtio_write_status(rig.vdev, 0);
	rig_turn(&rig, 5);
	rig_start(&rig, rig.vdev->offered);
	for (unsigned i = 0; i < 5; i++)
		rig_send(&rig, STATS, stats, sizeof(stats), 0);
	rig_turn(&rig, 1);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(rig_take(&rig, STATS, NULL, 0), 0);
	rig_close(&rig);
}

static void test_target(void **state)
{
	uint32_t word;

	(void)state;
	open_balloon(GMEM_ANONYMOUS, 0);
	virtio_read_config(rig.vdev, 0, &word, 4);
	assert_int_equal(word, 256);
	assert_int_equal(rig.config_interrupts, 0);
	balloon_set_target(rig.vdev, 64 * PAGE);
	assert_int_equal(rig.config_interrupts, 1);
	virtio_read_config(rig.vdev, 0, &word, 4);
	assert_int_equal(word, 64);
	balloon_set_target(rig.vdev, 1ULL << 40);
	virtio_read_config(rig.vdev, 0, &word, 4);
	assert_int_equal(word, DRIVER_RAM_BYTES / PAGE);
	word = 77;
	virtio_write_config(rig.vdev, 0, &word, 4); /* the device's own */
	virtio_write_config(rig.vdev, 4, &word, 4);
	assert_int_equal(figure("actual_bytes"), 77 * PAGE);
	virtio_read_config(rig.vdev, 0, &word, 4);
	assert_int_equal(word, DRIVER_RAM_BYTES / PAGE);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inflate), cmocka_unit_test(test_reporting),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
