/* SPDX-License-Identifier: MIT
 *
 * Bus windows: order, overlap, wrap, access at and over the edges; requests to end a VM.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "bus/bus.h"
#include "bus/vm_control.h"

struct probe {
	struct device dev;
	uint64_t offset;
	uint64_t value;
	unsigned region;
	unsigned width;
};

static uint64_t probe_read(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	struct probe *probe = (struct probe *)dev;

	probe->region = region;
	probe->offset = offset;
	probe->width = width;
	return 0x1122334455667788;
}

static void probe_write(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			uint64_t value)
{
	probe_read(dev, region, offset, width);
	((struct probe *)dev)->value = value;
}

static const struct device_ops probe_ops = {.name = "probe",
					    .state_bytes = sizeof(struct probe),
					    .read = probe_read,
					    .write = probe_write};

static void init_probe(struct probe *probe)
{
	memset(probe, 0, sizeof(*probe));
	probe->dev.ops = &probe_ops;
	pthread_mutex_init(&probe->dev.lock, NULL);
}

static void test_add(void **state)
{
	static const struct {
		uint64_t base, size;
		int result;
	} rows[] = {
		{0x1000, 0x100, 0},
		{0x1000, 1, -EEXIST},
		{0x10ff, 1, -EEXIST},
		{0x1100, 1, 0},
		{0xfff, 1, 0},
		{0xff0, 0x10, -EEXIST},
		{0xff0, 0xf, 0},
		{0, UINT64_MAX, -EEXIST},
		{0x5000, 0, -EINVAL},
		{UINT64_MAX, 1, 0},
		{UINT64_MAX, 2, -EINVAL},
		{UINT64_MAX - 4, 5, -EEXIST},
		{UINT64_MAX - 4, 4, 0},
	};
	struct bus bus = {0};
	struct probe probe;

	(void)state;
	init_probe(&probe);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(bus_add(&bus, BUS_MMIO, rows[i].base, rows[i].size, &probe.dev, i),
				 rows[i].result);
	for (unsigned i = 1; i < bus.window_count[BUS_MMIO]; i++)
		assert_true(bus.window[BUS_MMIO][i - 1].base < bus.window[BUS_MMIO][i].base);
	assert_int_equal(bus.window_count[BUS_PIO], 0);
}

static void test_table_full(void **state)
{
	struct bus bus = {0};
	struct probe probe;

	(void)state;
	init_probe(&probe);
	for (unsigned i = 0; i < BUS_WINDOW_MAX; i++)
		assert_int_equal(bus_add(&bus, BUS_PIO, i * 2, 1, &probe.dev, 0), 0);
	assert_int_equal(bus_add(&bus, BUS_PIO, 0xf000, 1, &probe.dev, 0), -ENOSPC);
}

static void test_access(void **state)
{
	struct bus bus = {0};
	struct probe probe;
	uint64_t value;

	(void)state;
	init_probe(&probe);
	assert_int_equal(bus_add(&bus, BUS_PIO, 0x3f8, 8, &probe.dev, 7), 0);
	assert_non_null(bus_read(&bus, BUS_PIO, 0x3ff, 1, &value));
	assert_int_equal(value, 0x88);
	assert_int_equal(probe.region, 7);
	assert_int_equal(probe.offset, 7);
	assert_non_null(bus_write(&bus, BUS_PIO, 0x3fc, 4, 0xaabbccddeeffULL));
	assert_int_equal(probe.value, 0xccddeeff);
	/* over the edge, beside it, in the other space */
	assert_null(bus_read(&bus, BUS_PIO, 0x3ff, 2, &value));
	assert_int_equal(value, 0xffff);
	assert_null(bus_read(&bus, BUS_PIO, 0x400, 1, &value));
	assert_null(bus_read(&bus, BUS_PIO, 0x3f7, 1, &value));
	assert_null(bus_read(&bus, BUS_MMIO, 0x3f8, 8, &value));
	assert_true(value == UINT64_MAX);
	assert_null(bus_write(&bus, BUS_PIO, 0x3ff, 4, 1));
	assert_int_equal(probe.value, 0xccddeeff);
}

static void count_wake(void *ctx)
{
	++*(int *)ctx;
}

static void test_first_request_wins(void **state)
{
	int wakes = 0;
	struct vm_control control = {.wake = count_wake, .ctx = &wakes};
	uint32_t value = 0;

	(void)state;
	assert_int_equal(vm_control_pending(&control, NULL), VM_END_NONE);
	vm_control_request(&control, VM_END_DEBUG_EXIT, 0xffffffff);
	vm_control_request(&control, VM_END_POWEROFF, 1);
	assert_int_equal(vm_control_pending(&control, &value), VM_END_DEBUG_EXIT);
	assert_int_equal(value, 0xffffffff);
	assert_int_equal(wakes, 1);
	assert_string_equal(vm_end_name((enum vm_end)99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_table_full),
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_first_request_wins),
	};

	return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
