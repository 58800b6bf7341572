/* SPDX-License-Identifier: MIT
 *
 * The clock in all its formats, setting it, its interrupts, and what a hostile guest may set.
 * The host's clock stands at 2026-06-15 12:30:45 UTC, a Monday.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "board/board.h"
#include "dev/rtc.h"
#include "dev_fake.h"

#define A 0x0a
#define B 0x0b
#define C 0x0c
#define D 0x0d
#define MS 1000000LL

struct fixture {
	struct device *dev;
	struct fake_line line;
};

static const struct board test_board = {.memory_bytes = 6ULL << 30, .cpu_count = 4};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct device_setup device_setup = {
		.loop = fake_loop(), .board = &test_board, .irq = fake_irq(&f->line)};

	fake_realtime_ns = 1781526645LL * NS_PER_SECOND;
	fake_timer_fired = 0;
	*state = f;
	return device_create(&rtc_ops, "rtc", &device_setup, &f->dev);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	device_destroy(f->dev);
	assert_null(fake_timer);
	free(f);
	return 0;
}

static uint8_t cmos(struct fixture *f, uint8_t index)
{
	dev_write(f->dev, 0, index);
	return dev_read(f->dev, 1);
}

static void set_cmos(struct fixture *f, uint8_t index, uint8_t value)
{
	dev_write(f->dev, 0, index);
	dev_write(f->dev, 1, value);
}

static void test_power_on(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cmos(f, A), 0x26);
	assert_int_equal(cmos(f, B), 0x02);
	assert_int_equal(cmos(f, C), 0x00);
	assert_int_equal(cmos(f, D), 0x80);
	assert_int_equal(dev_read(f->dev, 0), 0xff);
}

static void test_formats(void **state)
{
	static const struct {
		uint8_t b;
		int64_t hour; /* of the day, in place of 12 */
		uint8_t time[8];
	} table[] = {
		/* sec min hour wday mday month year century */
		{0x02, 12, {0x45, 0x30, 0x12, 0x02, 0x15, 0x06, 0x26, 0x20}},
		{0x06, 12, {45, 30, 12, 2, 15, 6, 26, 20}},
		{0x00, 12, {0x45, 0x30, 0x92, 0x02, 0x15, 0x06, 0x26, 0x20}},
		{0x04, 12, {45, 30, 0x80 | 12, 2, 15, 6, 26, 20}},
		{0x00, 0, {0x45, 0x30, 0x12, 0x02, 0x15, 0x06, 0x26, 0x20}},
		{0x00, 11, {0x45, 0x30, 0x11, 0x02, 0x15, 0x06, 0x26, 0x20}},
		{0x00, 23, {0x45, 0x30, 0x91, 0x02, 0x15, 0x06, 0x26, 0x20}},
		{0x04, 13, {45, 30, 0x81, 2, 15, 6, 26, 20}},
		{0x02, 23, {0x45, 0x30, 0x23, 0x02, 0x15, 0x06, 0x26, 0x20}},
	};
	static const uint8_t index[8] = {0, 2, 4, 6, 7, 8, 9, 0x32};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		fake_realtime_ns = (1781526645LL + (table[i].hour - 12) * 3600) * NS_PER_SECOND;
		set_cmos(f, B, table[i].b);
		for (size_t n = 0; n < 8; n++)
			assert_int_equal(cmos(f, index[n]), table[i].time[n]);
	}
}

/* Set with the clock stopped, read back while stopped, and after it runs. */
static void set_time(struct fixture *f, uint8_t b, const uint8_t time[7])
{
	static const uint8_t index[7] = {0, 2, 4, 7, 8, 9, 0x32};

	set_cmos(f, B, b | 0x80);
	for (size_t n = 0; n < 7; n++)
		set_cmos(f, index[n], time[n]);
	fake_time_pass(3 * NS_PER_SECOND);
	for (size_t n = 0; n < 7; n++)
		assert_int_equal(cmos(f, index[n]), time[n]);
	set_cmos(f, B, b);
	for (size_t n = 0; n < 7; n++)
		assert_int_equal(cmos(f, index[n]), time[n]);
}

static void test_set(void **state)
{
	static const struct {
		uint8_t b;
		uint8_t time[7]; /* sec min hour mday month year century */
	} table[] = {
		{0x02, {0x58, 0x59, 0x23, 0x31, 0x12, 0x99, 0x19}},
		{0x06, {58, 59, 23, 31, 12, 99, 19}},
		{0x00, {0x58, 0x59, 0x91, 0x31, 0x12, 0x99, 0x19}},
		{0x04, {58, 59, 0x8b, 31, 12, 99, 19}},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		set_time(f, table[i].b, table[i].time);
		fake_time_pass(2 * NS_PER_SECOND); /* midnight of the millennium */
		set_cmos(f, B, 0x06);
		assert_int_equal(cmos(f, 0), 0);
		assert_int_equal(cmos(f, 2), 0);
		assert_int_equal(cmos(f, 4), 0);
		assert_int_equal(cmos(f, 6), 7); /* a Saturday */
		assert_int_equal(cmos(f, 7), 1);
		assert_int_equal(cmos(f, 8), 1);
		assert_int_equal(cmos(f, 9), 0);
		assert_int_equal(cmos(f, 0x32), 20);
	}
}

static void test_set_without_stopping(void **state)
{
	struct fixture *f = *state;

	set_cmos(f, 4, 0x20);
	fake_time_pass(20 * NS_PER_SECOND);
	assert_int_equal(cmos(f, 4), 0x20);
	assert_int_equal(cmos(f, 2), 0x31);
	assert_int_equal(cmos(f, 0), 0x05);
}

/* No value makes it crash or wrap; the clock runs on, from whatever time came of it. */
static void test_set_nonsense(void **state)
{
	static const uint8_t index[8] = {0, 2, 4, 6, 7, 8, 9, 0x32};
	struct fixture *f = *state;

	for (unsigned b = 0; b < 8; b += 2) {
		for (unsigned value = 0; value < 256; value++) {
			set_cmos(f, B, (uint8_t)(0x80 | b));
			for (size_t n = 0; n < 8; n++)
				set_cmos(f, index[n], (uint8_t)(value + n * (b & 2)));
			set_cmos(f, B, (uint8_t)b);
			set_cmos(f, B, 0x76);
			fake_time_pass(NS_PER_SECOND);
			assert_true(cmos(f, 0) < 60);
			assert_true(cmos(f, 4) < 24);
			assert_in_range(cmos(f, 8), 1, 12);
			cmos(f, C);
		}
	}
}

/* A guest that sees "no update" in A reads a time of one moment, however the second ticks. */
static void test_consistent(void **state)
{
	struct fixture *f = *state;

	fake_realtime_ns = (1781526645LL + 14) * NS_PER_SECOND + 999 * MS; /* 12:30:59.999 */
	assert_int_equal(cmos(f, A) & 0x80, 0);
	assert_int_equal(cmos(f, 0), 0x59);
	fake_time_pass(2 * MS); /* 12:31:00.001 */
	assert_int_equal(cmos(f, 2), 0x30);
	assert_int_equal(cmos(f, A) & 0x80, 0);
	assert_int_equal(cmos(f, 0), 0x00);
	assert_int_equal(cmos(f, 2), 0x31);
	fake_time_pass(NS_PER_SECOND);
	assert_int_equal(cmos(f, 0), 0x01); /* also without asking A */
}

static void test_update_interrupt(void **state)
{
	struct fixture *f = *state;

	fake_time_pass(300 * MS);
	set_cmos(f, B, 0x12);
	assert_false(f->line.level);
	fake_time_pass(699 * MS);
	assert_false(f->line.level);
	fake_time_pass(2 * MS);
	assert_true(f->line.level);
	fake_time_pass(10 * NS_PER_SECOND); /* nobody serves it: nothing more happens */
	assert_int_equal(f->line.rises, 1);
	assert_int_equal(fake_timer_fired, 1);
	assert_int_equal(cmos(f, C), 0x80 | 0x10 | 0x40);
	assert_false(f->line.level);
	assert_int_equal(cmos(f, C), 0x00);
	fake_time_pass(NS_PER_SECOND);
	assert_int_equal(f->line.rises, 2);
	set_cmos(f, B, 0x92); /* stopping the clock takes UIE away */
	assert_int_equal(cmos(f, B), 0x82);
	assert_false(f->line.level);
}

static void test_flags_without_interrupts(void **state)
{
	struct fixture *f = *state;

	fake_time_pass(1500 * MS);
	assert_int_equal(cmos(f, C), 0x50);
	assert_int_equal(cmos(f, C), 0x00);
	assert_int_equal(fake_timer_fired, 0);
	assert_int_equal(f->line.calls, 0);
}

static void test_alarm(void **state)
{
	static const struct {
		uint8_t b, hour, min, sec;
		int64_t after_s; /* of 12:30:45; 0: never */
	} table[] = {
		{0x22, 0x12, 0x30, 0x46, 1},	 {0x22, 0x12, 0x30, 0x45, 86400},
		{0x22, 0x12, 0x30, 0x44, 86399}, {0x22, 0xff, 0xff, 0x00, 15},
		{0x22, 0xff, 0x00, 0x00, 1755},	 {0x22, 0xc0, 0xc5, 0xff, 1},
		{0x22, 0x00, 0x00, 0x00, 41355}, {0x26, 13, 0, 0, 1755},
		{0x20, 0x81, 0x00, 0x00, 1755},	 /* 1 pm */
		{0x20, 0x12, 0x00, 0x00, 41355}, /* 12 am */
		{0x22, 0x24, 0x00, 0x00, 0},	 {0x22, 0xff, 0x60, 0x00, 0},
		{0x22, 0x12, 0x30, 0x7f, 0},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct fixture *f;
		int64_t wait_s = table[i].after_s ? table[i].after_s : 2 * 86400;

		assert_int_equal(setup((void **)&f), 0);
		set_cmos(f, B, table[i].b & 0xdf);
		set_cmos(f, 5, table[i].hour);
		set_cmos(f, 3, table[i].min);
		set_cmos(f, 1, table[i].sec);
		set_cmos(f, B, table[i].b);
		fake_time_pass((wait_s - 1) * NS_PER_SECOND + 990 * MS);
		assert_false(f->line.level);
		fake_time_pass(20 * MS);
		assert_int_equal(f->line.level, table[i].after_s != 0);
		assert_int_equal(cmos(f, C) & 0xa0, table[i].after_s ? 0xa0 : 0);
		assert_int_equal(teardown((void **)&f), 0);
	}
	(void)state;
}

/* The periodic interrupt: 64 Hz is 64 Hz, 8192 Hz is a thousand. A guest that never reads C gets one. */
static void test_periodic(void **state)
{
	static const struct {
		uint8_t a;
		unsigned least, most; /* in a second */
	} table[] = {{0x2a, 63, 65},	{0x2f, 2, 2},	  {0x26, 990, 1024},
		     {0x23, 990, 1000}, {0x21, 255, 257}, {0x20, 0, 0}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		unsigned count = 0;

		set_cmos(f, A, table[i].a);
		set_cmos(f, B, 0x42);
		cmos(f, C);
		unsigned before = fake_timer_fired;
		for (unsigned us = 0; us < 1000000; us += 50) {
			fake_time_pass(50000);
			if (!f->line.level)
				continue;
			count++;
			assert_int_equal(cmos(f, C) & 0xc0, 0xc0);
		}
		assert_in_range(count, table[i].least, table[i].most);
		assert_in_range(fake_timer_fired - before, 0, 1001);
		fake_time_pass(NS_PER_SECOND);
		assert_in_range(f->line.level, 0, 1);
		set_cmos(f, B, 0x02);
		assert_false(f->line.level);
	}
}

static void test_host_clock_set_back(void **state)
{
	struct fixture *f = *state;

	set_cmos(f, B, 0x12);
	fake_realtime_ns -= 3600 * NS_PER_SECOND;
	assert_int_equal(cmos(f, 4), 0x11);
	cmos(f, C);
	fake_time_pass(1100 * MS);
	assert_true(f->line.level);
}

static void test_ram_and_sizes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cmos(f, 0x15) | cmos(f, 0x16) << 8, 632);
	assert_int_equal(cmos(f, 0x30) | cmos(f, 0x31) << 8, 0xffff);
	assert_int_equal((cmos(f, 0x34) | cmos(f, 0x35) << 8) * 65536ULL + (16 << 20),
			 0xd0000000ULL);
	assert_int_equal(cmos(f, 0x5b) | cmos(f, 0x5c) << 8 | cmos(f, 0x5d) << 16,
			 ((6ULL << 30) - 0xd0000000ULL) / 65536);
	assert_int_equal(cmos(f, 0x5f), 3);
	for (unsigned i = 0x40; i < 0x80; i++)
		set_cmos(f, (uint8_t)(i | 0x80), (uint8_t)~i); /* bit 7: the NMI's, not ours */
	for (unsigned i = 0x40; i < 0x80; i++)
		assert_int_equal(cmos(f, (uint8_t)i), (uint8_t)~i);
	set_cmos(f, D, 0);
	assert_int_equal(cmos(f, D), 0x80);
	set_cmos(f, A, 0xff);
	assert_int_equal(cmos(f, A), 0x7f);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_power_on),
		TEST(test_formats),
		TEST(test_set),
		TEST(test_set_without_stopping),
		TEST(test_set_nonsense),
		TEST(test_consistent),
		TEST(test_update_interrupt),
		TEST(test_flags_without_interrupts),
		cmocka_unit_test(test_alarm),
		TEST(test_periodic),
		TEST(test_host_clock_set_back),
		TEST(test_ram_and_sizes),
	};

	return cmocka_run_group_tests_name("rtc", tests, NULL, NULL);
}
