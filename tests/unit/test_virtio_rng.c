/* SPDX-License-Identifier: MIT
 *
 * virtio-rng: bytes come, they differ, no request is too large, nonsense breaks the device and a reset mends it.
 */
#include "virtio_rig.h"

#include "virtio/rng.h"

static void test_fills(void **state)
{
	static struct rig rig;
	uint8_t first[64] = {0};
	uint8_t second[64] = {0};

	(void)state;
	rig_open(&rig, &virtio_rng_model, NULL, GMEM_ANONYMOUS);
	rig_start(&rig, 0);
	rig_send(&rig, 0, NULL, 0, sizeof(first));
	rig_send(&rig, 0, NULL, 0, sizeof(second));
	rig_turn(&rig, 5);
	assert_int_equal(rig_take(&rig, 0, first, sizeof(first)), sizeof(first));
	assert_int_equal(rig_take(&rig, 0, second, sizeof(second)), sizeof(second));
	assert_memory_not_equal(first, second, sizeof(first));
	assert_true(rig.interrupts[0] >= 1);
	rig_close(&rig);
}

static void test_large_request_is_cut(void **state)
{
	static struct rig rig;

	(void)state;
	rig_open(&rig, &virtio_rng_model, NULL, GMEM_ANONYMOUS);
	rig_start(&rig, 0);
	rig_send(&rig, 0, NULL, 0, 0x10000);
	rig_turn(&rig, 5);
	assert_int_equal(rig_take(&rig, 0, NULL, 0), 4096);
	rig_close(&rig);
}

static void test_nonsense_then_reset(void **state)
{
	static struct rig rig;

	(void)state;
	rig_open(&rig, &virtio_rng_model, NULL, GMEM_ANONYMOUS);
	rig_start(&rig, 0);
	rig_send(&rig, 0, "x", 1, 0);
	rig_turn(&rig, 5);
	assert_true(rig_is_broken(&rig));
	assert_int_equal(rig.config_interrupts, 1);
	rig_send(&rig, 0, NULL, 0, 16);
	rig_turn(&rig, 5);
	assert_int_equal(rig_take(&rig, 0, NULL, 0), 0); /* the bad one */
	assert_int_equal(rig_take(&rig, 0, NULL, 0), -1);
	virtio_write_status(rig.vdev, 0);
	rig_start(&rig, 0);
	rig_send(&rig, 0, NULL, 0, 16);
	rig_turn(&rig, 5);
	assert_int_equal(rig_take(&rig, 0, NULL, 0), 16);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fills),
		cmocka_unit_test(test_large_request_is_cut),
		cmocka_unit_test(test_nonsense_then_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
