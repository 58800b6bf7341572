/* SPDX-License-Identifier: MIT
 *
 * The I/O APIC over a back end that records: edge, level, remote IRR, EOI, mask, routes, locks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dev/ioapic.h"
#include "dev_fake.h"

enum { IOREGSEL = 0x00, IOWIN = 0x10, EOI = 0x40 };
#define MASKED 0x10000u
#define LEVEL 0x8000u
#define REMOTE_IRR 0x4000u
#define LOGICAL 0x800u

struct fixture {
	struct device *dev;
	unsigned sent;
	uint64_t address;
	uint32_t data;
	unsigned updates;
	unsigned sent_at_update;
	struct ioapic_route route[IOAPIC_PIN_COUNT];
};

static void send_msi(void *ctx, uint64_t address, uint32_t data)
{
	struct fixture *f = ctx;

	f->sent++;
	f->address = address;
	f->data = data;
}

static void update_routes(void *ctx, const struct ioapic_route route[IOAPIC_PIN_COUNT])
{
	struct fixture *f = ctx;

	f->updates++;
	f->sent_at_update = f->sent;
	memcpy(f->route, route, sizeof(f->route));
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct device_setup none = {0};
	int err = device_create(&ioapic_ops, "ioapic", &none, &f->dev);

	*state = f;
	if (!err)
		ioapic_connect(f->dev, &(struct ioapic_backend){.send_msi = send_msi,
								.update_routes = update_routes,
								.ctx = f});
	return err;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	device_destroy(f->dev);
	free(f);
	return 0;
}

static uint32_t get(struct fixture *f, uint8_t index)
{
	dev_write_wide(f->dev, 0, IOREGSEL, 4, index);
	return (uint32_t)dev_read_wide(f->dev, 0, IOWIN, 4);
}

static void set(struct fixture *f, uint8_t index, uint32_t value)
{
	dev_write_wide(f->dev, 0, IOREGSEL, 4, index);
	dev_write_wide(f->dev, 0, IOWIN, 4, value);
}

static uint32_t low(struct fixture *f, unsigned pin)
{
	return get(f, (uint8_t)(0x10 + 2 * pin));
}

/* As Linux does: the destination first, the half with the mask last. */
static void set_pin(struct fixture *f, unsigned pin, uint8_t destination, uint32_t entry)
{
	set(f, (uint8_t)(0x11 + 2 * pin), (uint32_t)destination << 24);
	set(f, (uint8_t)(0x10 + 2 * pin), entry);
}

static void level(struct fixture *f, unsigned pin, bool high)
{
	ioapic_set_level(f->dev, pin, high);
}

static void test_registers(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(get(f, 1), 0x00170020);
	set(f, 1, 0);
	assert_int_equal(get(f, 1), 0x00170020);
	set(f, 0, 0xffffffff);
	assert_int_equal(get(f, 0), 0x0f000000);
	assert_int_equal(get(f, 2), 0x0f000000);
	for (unsigned pin = 0; pin < 24; pin++)
		assert_int_equal(low(f, pin), MASKED);
	assert_int_equal(get(f, 0x40), 0xffffffff);
	assert_int_equal(get(f, 0x0f), 0xffffffff);
	assert_int_equal(get(f, 0xff), 0xffffffff);
	set_pin(f, 23, 0xff, 0xffffffff); /* read-only and reserved bits stay 0 */
	assert_int_equal(get(f, 0x3e), 0x0001afff);
	assert_int_equal(get(f, 0x3f), 0xff000000);
	assert_int_equal(f->updates, 0);
}

static void test_msi_encoding(void **state)
{
	static const struct {
		uint8_t destination;
		uint32_t entry;
		uint64_t address;
		uint32_t data;
	} table[] = {
		{0x00, 0x31, 0xfee00000, 0x31},
		{0x03, 0x31, 0xfee03000, 0x31},
		{0xff, 0x42, 0xfeeff000, 0x42},
		{0x01, 0x42 | LOGICAL, 0xfee01004, 0x42},
		{0x01, 0x42 | LOGICAL | 0x100, 0xfee01004, 0x142}, /* lowest priority */
		{0x01, 0x42 | LEVEL | 0x2000, 0xfee01000, 0x8042}, /* polarity is the board's */
		{0x00, 0x400, 0xfee00000, 0x400},		   /* NMI */
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		unsigned pin = (unsigned)i * 3;

		set_pin(f, pin, table[i].destination, table[i].entry);
		level(f, pin, true);
		assert_int_equal(f->sent, i + 1);
		assert_int_equal(f->address, table[i].address);
		assert_int_equal(f->data, table[i].data);
		assert_int_equal(f->route[pin].address, table[i].address);
		assert_int_equal(f->route[pin].data, table[i].data);
		assert_int_equal(f->route[pin].level, !!(table[i].entry & LEVEL));
		assert_false(f->route[pin].masked);
	}
	set_pin(f, 22, 0, 0x700); /* ExtINT: there is no PIC to ask */
	level(f, 22, true);
	assert_int_equal(f->sent, sizeof(table) / sizeof(*table));
}

static void test_edge(void **state)
{
	struct fixture *f = *state;

	level(f, 4, true); /* masked: lost */
	set_pin(f, 4, 0, 0x34);
	assert_int_equal(f->sent, 0);
	level(f, 4, true); /* high already */
	assert_int_equal(f->sent, 0);
	level(f, 4, false);
	level(f, 4, true);
	assert_int_equal(f->sent, 1);
	level(f, 4, false);
	level(f, 4, true);
	assert_int_equal(f->sent, 2); /* no EOI needed */
	assert_int_equal(low(f, 4), 0x34);
	ioapic_eoi(f->dev, 0x34);
	assert_int_equal(f->sent, 2);
}

static void test_level(void **state)
{
	struct fixture *f = *state;

	set_pin(f, 9, 1, 0x59 | LEVEL);
	level(f, 9, true);
	assert_int_equal(f->sent, 1);
	assert_int_equal(low(f, 9), 0x59 | LEVEL | REMOTE_IRR);
	level(f, 9, false);
	level(f, 9, true);
	assert_int_equal(f->sent, 1); /* in service */
	ioapic_eoi(f->dev, 0x58);
	assert_int_equal(f->sent, 1); /* somebody else's */
	ioapic_eoi(f->dev, 0x59);
	assert_int_equal(f->sent, 2); /* still high */
	level(f, 9, false);
	ioapic_eoi(f->dev, 0x59);
	assert_int_equal(f->sent, 2);
	assert_int_equal(low(f, 9), 0x59 | LEVEL);
	ioapic_eoi(f->dev, 0x59); /* one too many */
	assert_int_equal(f->sent, 2);
}

static void test_level_masked(void **state)
{
	struct fixture *f = *state;

	set_pin(f, 9, 0, 0x59 | LEVEL | MASKED);
	level(f, 9, true);
	assert_int_equal(f->sent, 0);
	set_pin(f, 9, 0, 0x59 | LEVEL);
	assert_int_equal(f->sent, 1);		/* was high all the time */
	assert_int_equal(f->sent_at_update, 0); /* the route was told before */
	set_pin(f, 9, 0, 0x59 | LEVEL | MASKED);
	assert_int_equal(low(f, 9), 0x59 | LEVEL | MASKED | REMOTE_IRR);
	ioapic_eoi(f->dev, 0x59);
	assert_int_equal(low(f, 9), 0x59 | LEVEL | MASKED);
	assert_int_equal(f->sent, 1);
	set_pin(f, 9, 0, 0x59 | LEVEL);
	assert_int_equal(f->sent, 2);
	level(f, 9, false);
	assert_int_equal(f->sent, 2);
}

/* The guest cannot write remote IRR, but going through edge mode takes it away, as chips do. */
static void test_remote_irr_by_edge_mode(void **state)
{
	struct fixture *f = *state;

	set_pin(f, 5, 0, 0x35 | LEVEL | REMOTE_IRR);
	assert_int_equal(low(f, 5), 0x35 | LEVEL);
	level(f, 5, true);
	set_pin(f, 5, 0, 0x35 | LEVEL);
	assert_int_equal(low(f, 5), 0x35 | LEVEL | REMOTE_IRR);
	assert_int_equal(f->sent, 1);
	level(f, 5, false);
	set_pin(f, 5, 0, 0x35 | MASKED);
	set_pin(f, 5, 0, 0x35 | LEVEL);
	assert_int_equal(low(f, 5), 0x35 | LEVEL);
}

static void test_eoi_register(void **state)
{
	struct fixture *f = *state;

	set_pin(f, 5, 0, 0x35 | LEVEL);
	set_pin(f, 6, 0, 0x35 | LEVEL); /* two pins share a vector */
	level(f, 5, true);
	level(f, 6, true);
	assert_int_equal(f->sent, 2);
	level(f, 5, false);
	dev_write_wide(f->dev, 0, EOI, 4, 0x35);
	assert_int_equal(f->sent, 3);
	assert_int_equal(low(f, 5), 0x35 | LEVEL);
	assert_int_equal(low(f, 6), 0x35 | LEVEL | REMOTE_IRR);
}

/* Routes are told once for each that changes; filling in a masked entry says nothing. */
static void test_route_updates(void **state)
{
	struct fixture *f = *state;

	set_pin(f, 3, 2, 0x33 | MASKED);
	assert_int_equal(f->updates, 0);
	set_pin(f, 3, 2, 0x33);
	assert_int_equal(f->updates, 1);
	set_pin(f, 3, 2, 0x33);
	assert_int_equal(f->updates, 1);
	set_pin(f, 3, 2, 0x33 | MASKED);
	assert_int_equal(f->updates, 2);
	assert_true(f->route[3].masked);
	set(f, 0x17, 0x05000000);
	assert_int_equal(f->updates, 2);
	set_pin(f, 3, 5, 0x33);
	assert_int_equal(f->updates, 3);
	assert_int_equal(f->route[3].address, 0xfee05000);
	set_pin(f, 3, 5, 0x33 | LEVEL);
	assert_int_equal(f->updates, 4);
	assert_true(f->route[3].level);
	for (unsigned pin = 0; pin < 24; pin++)
		assert_int_equal(f->route[pin].masked, pin != 3);
}

static void test_hostile(void **state)
{
	struct fixture *f = *state;
	uint32_t seed = 1;

	level(f, 24, true);
	level(f, 0xffffffff, true);
	for (unsigned i = 0; i < 200000; i++) {
		seed = seed * 1664525 + 1013904223;
		dev_write_wide(f->dev, 0, seed >> 8 & 0xff0, 1u << (seed & 3), (uint64_t)seed * i);
		dev_read_wide(f->dev, 0, seed >> 12 & 0xff0, 1u << (seed >> 4 & 3));
		level(f, seed >> 27, seed & 0x100);
		ioapic_eoi(f->dev, (uint8_t)(seed >> 16));
	}
}

/* A device raises a line while a vCPU is inside a write: the line may not wait for dev->lock. */
static void *raise_line(void *ctx)
{
	struct fixture *f = ctx;

	for (unsigned i = 0; i < 10000; i++) {
		level(f, 7, true);
		level(f, 7, false);
		ioapic_eoi(f->dev, 0x37);
	}
	return NULL;
}

static void test_level_does_not_take_the_device_lock(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	set_pin(f, 7, 0, 0x37 | LEVEL);
	pthread_mutex_lock(&f->dev->lock);
	assert_int_equal(pthread_create(&thread, NULL, raise_line, f), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_mutex_unlock(&f->dev->lock);
	assert_int_equal(f->sent, 10000);

	assert_int_equal(pthread_create(&thread, NULL, raise_line, f), 0);
	for (unsigned i = 0; i < 10000; i++)
		set_pin(f, 7, 0, 0x37 | LEVEL | (i & 1 ? MASKED : 0));
	assert_int_equal(pthread_join(thread, NULL), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_registers),	 TEST(test_msi_encoding),
		TEST(test_edge),	 TEST(test_level),
		TEST(test_level_masked), TEST(test_remote_irr_by_edge_mode),
		TEST(test_eoi_register), TEST(test_route_updates),
		TEST(test_hostile),	 TEST(test_level_does_not_take_the_device_lock),
	};

	return cmocka_run_group_tests_name("ioapic", tests, NULL, NULL);
}
