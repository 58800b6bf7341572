/* SPDX-License-Identifier: MIT
 *
 * IDE's bus master: transfers along lists of every shape, the bits that tell how it went, and lists that a hostile
 * guest would write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dev_fake.h"
#include "ide_fake.h"

#include "ide_host.h"

#define ACTIVE 0x01
#define ERROR 0x02
#define INTERRUPT 0x04
#define START 0x01
#define TO_MEMORY 0x08
#define TABLE 0x1000u
#define BUFFER 0x20000u

static uint8_t data[262144];

/* As Linux does it: list, direction, command, start. */
static void start(struct ide_host *h, uint8_t code, uint64_t lba, unsigned count, uint8_t direction)
{
	bm_out(h, 4, 4, TABLE);
	bm_out(h, 0, 1, direction);
	bm_out(h, 2, 1, bm_in(h, 2, 1) | ERROR | INTERRUPT);
	if (code == 0x25 || code == 0x35)
		command48(h, code, MASTER_LBA, lba, count);
	else
		command28(h, code, MASTER_LBA, (uint32_t)lba, count);
	bm_out(h, 0, 1, direction | START);
}

static void stop(struct ide_host *h)
{
	bm_out(h, 0, 1, bm_in(h, 0, 1) & ~(uint32_t)START);
}

static uint8_t bm_status(struct ide_host *h)
{
	return (uint8_t)bm_in(h, 2, 1) & (ACTIVE | ERROR | INTERRUPT);
}

/* Regions of a list, until bytes is ~0. */
struct region {
	uint32_t gpa, bytes;
};

#define END 0xffffffffu

static const struct shape {
	unsigned sectors;
	struct region region[12];
} shapes[] = {
	{1, {{BUFFER, 512}, {0, END}}},
	{8, {{BUFFER, 4096}, {0, END}}},
	{128, {{0x30000, 0}, {0, END}}}, /* 0 is 64 KiB */
	{2, {{BUFFER, 2}, {BUFFER + 0x100, 1022}, {0, END}}},
	{3, {{BUFFER, 512}, {0x40000, 256}, {0x50002, 256}, {0x60000, 512}, {0, END}}},
	{200, {{0x30000, 0}, {0x60000, 0x9000}, {0, END}}},
	{256, {{0x70000, 0}, {0x40000, 0}, {0, END}}},
	{2, {{0xffc00, 1024}, {0, END}}},   /* the last of RAM */
	{1, {{BUFFER + 1, 513}, {0, END}}}, /* bit 0 of both is not there */
};

static void put_shape(struct ide_host *h, const struct region *region)
{
	for (unsigned i = 0; region[i].bytes != END; i++)
		put_prd(h, TABLE, i, region[i].gpa, region[i].bytes, region[i + 1].bytes == END);
}

/* What is in guest memory along the list. */
static void collect(struct ide_host *h, const struct region *region, uint8_t *to, bool write)
{
	for (unsigned i = 0; region[i].bytes != END; i++) {
		uint32_t bytes = region[i].bytes ? region[i].bytes & ~1u : 65536;
		uint32_t gpa = region[i].gpa & ~1u;

		if (write)
			assert_int_equal(gmem_write(&h->mem, gpa, to, bytes), 0);
		else
			assert_int_equal(gmem_read(&h->mem, gpa, to, bytes), 0);
		to += bytes;
	}
}

static void test_read(void **state)
{
	struct ide_host *h = *state;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		fill(h->disk, 5, shapes[i].sectors);
		put_shape(h, shapes[i].region);
		start(h, 0xc8, 5, shapes[i].sectors, TO_MEMORY);
		assert_int_equal(bm_status(h), ACTIVE);
		fake_run();
		assert_int_equal(bm_status(h), INTERRUPT);
		assert_done(h);
		stop(h);
		collect(h, shapes[i].region, data, false);
		assert_memory_equal(data, h->disk->data + 5 * 512, shapes[i].sectors * 512);
	}
	assert_int_equal(h->disk->reads, sizeof(shapes) / sizeof(*shapes));
}

static void test_write(void **state)
{
	struct ide_host *h = *state;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		unsigned bytes = shapes[i].sectors * 512;

		for (unsigned n = 0; n < bytes; n++)
			data[n] = (uint8_t)(n * 3 + n / 512 + i);
		collect(h, shapes[i].region, data, true);
		put_shape(h, shapes[i].region);
		start(h, 0x35, 0x20000000, shapes[i].sectors, 0);
		fake_run();
		assert_int_equal(bm_status(h), INTERRUPT);
		assert_done(h);
		stop(h);
		assert_memory_equal(data, h->disk->data + (0x20000000ull << 9), bytes);
	}
	assert_int_equal(h->disk->flushes, 0);
}

/* More regions than fit in one request, sectors in more pieces than that: as many as the table holds. Regions
 * lie apart, so that each byte must have gone to its own place. */
static void test_many_regions(void **state)
{
	static const struct {
		unsigned bytes, regions, apart;
	} table[] = {{512, 256, 512}, {2, 8192, 64}, {2, 256, 64}, {30, 256, 512}, {510, 256, 512}};
	struct ide_host *h = *state;
	const uint32_t list = 0x10000;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		unsigned bytes = table[i].bytes;
		unsigned sectors = bytes * table[i].regions / 512;

		fill(h->disk, i * 1000, sectors);
		for (unsigned n = 0; n < table[i].regions; n++)
			put_prd(h, list, n, 0x20000 + n * table[i].apart, bytes,
				n + 1 == table[i].regions);
		bm_out(h, 4, 4, list);
		bm_out(h, 0, 1, TO_MEMORY);
		command28(h, 0xc8, MASTER_LBA, (uint32_t)i * 1000, sectors);
		bm_out(h, 0, 1, TO_MEMORY | START);
		assert_done(h);
		stop(h);
		for (unsigned n = 0; (n + 1) * bytes <= sectors * 512; n++) {
			gmem_read(&h->mem, 0x20000 + n * table[i].apart, data, bytes);
			assert_memory_equal(data, h->disk->data + i * 512000 + n * bytes, bytes);
		}
	}
}

/* The list is longer than the transfer: done, and the master still stands in it. */
static void test_longer_list(void **state)
{
	struct ide_host *h = *state;

	put_prd(h, TABLE, 0, BUFFER, 4096, false);
	put_prd(h, TABLE, 1, BUFFER + 4096, 4096, true);
	start(h, 0xc8, 0, 4, TO_MEMORY);
	assert_done(h);
	assert_int_equal(bm_status(h), ACTIVE | INTERRUPT);
	stop(h);
	assert_int_equal(bm_status(h), INTERRUPT);
	bm_out(h, 2, 1, INTERRUPT);
	assert_int_equal(bm_status(h), 0);
}

/* It is shorter: the drive waits. Another list, and it goes on; or a reset. */
static void test_shorter_list(void **state)
{
	struct ide_host *h = *state;

	fill(h->disk, 0, 4);
	put_prd(h, TABLE, 0, BUFFER, 1024, true);
	start(h, 0xc8, 0, 4, TO_MEMORY);
	fake_run();
	assert_int_equal(bm_status(h), 0);
	assert_false(line(h));
	assert_int_equal(alt_status(h) & BSY, BSY);
	stop(h);
	put_prd(h, TABLE, 0, BUFFER + 1024, 1024, true);
	bm_out(h, 0, 1, TO_MEMORY | START);
	assert_done(h);
	stop(h);
	gmem_read(&h->mem, BUFFER, data, 2048);
	assert_memory_equal(data, h->disk->data, 2048);
	put_prd(h, TABLE, 0, BUFFER, 2, true);
	start(h, 0xc8, 0, 4, TO_MEMORY);
	fake_run();
	assert_int_equal(alt_status(h) & BSY, BSY);
	control(h, 4);
	control(h, 0);
	assert_int_equal(alt_status(h), 0x50);
	stop(h);
}

/* START before the command, and no START at all. */
static void test_order(void **state)
{
	struct ide_host *h = *state;

	put_prd(h, TABLE, 0, BUFFER, 512, true);
	bm_out(h, 4, 4, TABLE);
	bm_out(h, 0, 1, TO_MEMORY | START);
	assert_int_equal(bm_status(h), ACTIVE);
	command28(h, 0xc8, MASTER_LBA, 0, 1);
	assert_done(h);
	stop(h);
	command28(h, 0xc8, MASTER_LBA, 0, 1);
	fake_run();
	assert_false(line(h));
	assert_int_equal(alt_status(h) & BSY, BSY);
	bm_out(h, 0, 1, TO_MEMORY | START);
	assert_done(h);
}

static void test_registers(void **state)
{
	struct ide_host *h = *state;

	for (h->channel = 0; h->channel < 2; h->channel++) {
		bm_out(h, 4, 4, 0xffffffff);
		assert_int_equal(bm_in(h, 4, 4), 0xfffffffc);
		bm_out(h, 5, 1, 0x12);
		assert_int_equal(bm_in(h, 4, 4), 0xffff12fc);
		bm_out(h, 0, 4, 0xffffffff);
		assert_int_equal(bm_in(h, 0, 4), 0x00610009);
		bm_out(h, 0, 4, 0);
		assert_int_equal(bm_in(h, 0, 4), 0);
	}
}

/* --- a hostile guest --------------------------------------------------------------------------- */

static void test_bad_lists(void **state)
{
	static const struct {
		uint32_t table;
		struct region region;
		bool last;
	} bad[] = {
		{TABLE, {0x100000, 512}, true},	 /* behind RAM */
		{TABLE, {0xffe00, 0x400}, true}, /* half of it there: crosses 64 KiB, too */
		{TABLE, {0xfffffffe, 2}, true},
		{TABLE, {0xfee00000, 4096}, true}, /* the LAPIC */
		{TABLE, {0x1ff00, 0x200}, true},   /* over a 64 KiB boundary */
		{TABLE, {0x20002, 0}, true},	   /* the same: 64 KiB not from one */
		{0x100000, {BUFFER, 512}, true},   /* the list itself */
		{0xfffffffc, {BUFFER, 512}, true},
		{0xffffc, {BUFFER, 512}, true},	 /* half an entry */
		{0x1fff8, {BUFFER, 256}, false}, /* goes on over a 64 KiB boundary */
	};
	struct ide_host *h = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		for (unsigned write = 0; write < 2; write++) {
			if (bad[i].table + 8ull <= FAKE_RAM_BYTES)
				put_prd(h, bad[i].table, 0, bad[i].region.gpa, bad[i].region.bytes,
					bad[i].last);
			bm_out(h, 2, 1, ERROR | INTERRUPT);
			bm_out(h, 4, 4, bad[i].table);
			command28(h, write ? 0xca : 0xc8, MASTER_LBA, 0, 1);
			bm_out(h, 0, 1, (write ? 0 : TO_MEMORY) | START);
			fake_run();
			assert_int_equal(bm_status(h), ERROR | INTERRUPT);
			assert_failed(h, ABRT);
			stop(h);
			assert_int_equal(h->disk->reads + h->disk->writes, 0);
		}
	/* and it still works */
	put_prd(h, TABLE, 0, BUFFER, 512, true);
	start(h, 0xc8, 0, 1, TO_MEMORY);
	assert_done(h);
}

/* Good regions before the bad one are transferred; the error comes all the same. */
static void test_bad_second_region(void **state)
{
	struct ide_host *h = *state;

	fill(h->disk, 0, 2);
	put_prd(h, TABLE, 0, BUFFER, 512, false);
	put_prd(h, TABLE, 1, 0xf0000000, 512, true);
	start(h, 0xc8, 0, 2, TO_MEMORY);
	fake_run();
	assert_int_equal(bm_status(h), ERROR | INTERRUPT);
	assert_failed(h, ABRT);
	gmem_read(&h->mem, BUFFER, data, 512);
	assert_memory_equal(data, h->disk->data, 512);
	stop(h);
	/* within a sector: nothing of it is written */
	put_prd(h, TABLE, 0, BUFFER, 256, false);
	start(h, 0xca, 0, 1, 0);
	assert_failed(h, ABRT);
	assert_int_equal(h->disk->writes, 0);
}

static void test_wrong_direction(void **state)
{
	struct ide_host *h = *state;

	put_prd(h, TABLE, 0, BUFFER, 512, true);
	start(h, 0xc8, 0, 1, 0);
	fake_run();
	assert_int_equal(bm_status(h), ERROR | INTERRUPT);
	assert_failed(h, ABRT);
	stop(h);
	start(h, 0xca, 0, 1, TO_MEMORY);
	assert_failed(h, ABRT);
	stop(h);
	pci_config_write((struct pci_function *)h->dev, PCI_COMMAND, 2, PCI_COMMAND_IO);
	start(h, 0xc8, 0, 1, TO_MEMORY); /* no longer a master */
	assert_failed(h, ABRT);
	assert_int_equal(h->disk->reads + h->disk->writes, 0);
}

/* STOP with a request in flight: it is over when the write returns. */
static void test_stop_in_flight(void **state)
{
	struct ide_host *h = *state;

	h->disk->delayed = true;
	put_prd(h, TABLE, 0, BUFFER, 512, false);
	put_prd(h, TABLE, 1, BUFFER + 512, 512, true);
	start(h, 0xc8, 0, 2, TO_MEMORY);
	fake_run();
	stop(h);
	assert_false(fake_complete(h->disk));
	assert_int_equal(bm_status(h) & ACTIVE, 0);
	assert_done(h);
	/* a reset in flight */
	start(h, 0xc8, 0, 2, TO_MEMORY);
	fake_run();
	control(h, 4);
	assert_false(fake_complete(h->disk));
	control(h, 0);
	assert_int_equal(alt_status(h), 0x50);
	fake_run();
	assert_false(line(h));
	stop(h);
	/* STOP before the thread came to it: it waits for the next START */
	start(h, 0xc8, 0, 2, TO_MEMORY);
	stop(h);
	fake_run();
	assert_false(fake_complete(h->disk));
	assert_false(line(h));
	bm_out(h, 0, 1, TO_MEMORY | START);
	fake_run();
	assert_true(fake_complete(h->disk));
	assert_done(h);
}

static void test_image_errors(void **state)
{
	struct ide_host *h = *state;

	put_prd(h, TABLE, 0, BUFFER, 512, true);
	h->disk->error = -EIO;
	start(h, 0xc8, 77, 1, TO_MEMORY);
	assert_failed(h, UNC);
	assert_int_equal(in(h, LBA_LOW), 77);
	assert_int_equal(bm_status(h), ACTIVE | INTERRUPT);
	stop(h);
	start(h, 0xca, 77, 1, 0);
	assert_failed(h, ABRT);
	stop(h);
	/* past the end: refused before anything moves, START or not */
	h->disk->error = 0;
	start(h, 0x25, DISK_BYTES / 512, 1, TO_MEMORY);
	assert_failed(h, IDNF);
	stop(h);
	/* the slave has no DMA */
	command28(h, 0xc8, SLAVE_LBA, 0, 1);
	assert_failed(h, ABRT);
}

static void test_write_cache_off(void **state)
{
	struct ide_host *h = *state;

	features(h, MASTER_LBA, 0x82, 0);
	assert_done(h);
	put_prd(h, TABLE, 0, BUFFER, 512, true);
	h->disk->delayed = true;
	start(h, 0xca, 0, 1, 0);
	fake_run();
	assert_true(fake_complete(h->disk));
	assert_false(line(h));
	fake_run();
	assert_true(fake_complete(h->disk));
	assert_done(h);
	assert_int_equal(h->disk->flushes, 1);
}

/* --- short cuts: the same by port, with doorbells and late writes -------------------------------- */

#define BM_PORT 0xc000

static struct device *shortcut_device(struct ide_host *h)
{
	struct device_setup setup = {.mem = &h->mem,
				     .irq = {.set_level = host_set_level},
				     .options = &h->options,
				     .wiring = &fake_wiring};
	struct device *dev;

	memset(&fake_kvm, 0, sizeof(fake_kvm));
	assert_int_equal(device_create(&ide_ops, "short", &setup, &dev), 0);
	fake_kvm.dev = dev;
	pci_config_write((struct pci_function *)dev, PCI_BAR0 + 16, 4, BM_PORT);
	pci_config_write((struct pci_function *)dev, PCI_COMMAND, 2,
			 PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	return dev;
}

static void issue_by_port(uint8_t code, uint8_t lba, uint8_t count, uint8_t direction)
{
	fake_out(BM_PORT + 4, 4, TABLE);
	fake_out(BM_PORT, 1, direction);
	fake_out(PORT_IDE_COMMAND_0 + DEVICE, 1, MASTER_LBA);
	fake_out(PORT_IDE_COMMAND_0 + COUNT, 1, count);
	fake_out(PORT_IDE_COMMAND_0 + LBA_LOW, 1, lba);
	fake_out(PORT_IDE_COMMAND_0 + LBA_MID, 1, 0);
	fake_out(PORT_IDE_COMMAND_0 + LBA_HIGH, 1, 0);
	assert_true(fake_kvm.late_count >= 6); /* no exit so far */
	fake_out(PORT_IDE_COMMAND_0 + COMMAND, 1, code);
	assert_int_equal(fake_kvm.late_count, 0);
}

static void test_doorbell(void **state)
{
	struct ide_host *h = *state;
	struct device *dev = shortcut_device(h);

	fill(h->disk, 9, 1);
	put_prd(h, TABLE, 0, BUFFER, 512, true);
	for (unsigned peek = 0; peek < 2; peek++) {
		assert_int_equal(gmem_zero(&h->mem, BUFFER, 512), 0);
		issue_by_port(0xc8, 9, 1, TO_MEMORY);
		fake_out(BM_PORT, 1, START | TO_MEMORY);
		if (peek) /* before the thread has seen the doorbell */
			assert_int_equal(fake_in(BM_PORT, 1), START | TO_MEMORY);
		fake_run();
		assert_int_equal(fake_in(BM_PORT + 2, 1) & 7, INTERRUPT);
		gmem_read(&h->mem, BUFFER, data, 512);
		assert_memory_equal(data, h->disk->data + 9 * 512, 512);
		fake_out(BM_PORT, 1, TO_MEMORY);
		fake_out(BM_PORT + 2, 1, INTERRUPT);
		assert_int_equal(fake_in(BM_PORT + 2, 1) & 7, 0);
		assert_int_equal(fake_in(PORT_IDE_COMMAND_0 + COMMAND, 1), 0x50);
	}
	/* START and STOP before the thread wakes up: in the order of the guest */
	issue_by_port(0xc8, 9, 1, TO_MEMORY);
	fake_out(BM_PORT, 1, START | TO_MEMORY);
	fake_out(BM_PORT, 1, TO_MEMORY);
	assert_int_equal(fake_in(BM_PORT, 1), TO_MEMORY);
	fake_run();
	assert_int_equal(fake_in(BM_PORT, 1), TO_MEMORY);
	assert_true(fake_in(PORT_IDE_CONTROL_0, 1) & BSY);
	device_destroy(dev);
	for (unsigned i = 0; i < FAKE_DOORBELLS; i++)
		assert_int_equal(fake_kvm.doorbell[i].port, 0);
}

/* A START that is no doorbell, and data behind which the guest looks at nothing: the timer brings them. */
static void test_late_writes(void **state)
{
	struct ide_host *h = *state;
	struct device *dev = shortcut_device(h);

	fill(h->disk, 9, 1);
	put_prd(h, TABLE, 0, BUFFER, 512, true);
	issue_by_port(0xc8, 9, 1, TO_MEMORY);
	fake_out(BM_PORT, 2, START | TO_MEMORY);
	fake_run();
	assert_int_equal(h->disk->reads, 0);
	fake_time_pass(3000000);
	fake_run();
	assert_int_equal(h->disk->reads, 1);
	fake_out(BM_PORT, 1, 0);
	fake_time_pass(10000000);
	issue_by_port(0x30, 3, 1, 0);
	for (unsigned i = 0; i < 128; i++)
		fake_out(PORT_IDE_COMMAND_0, 4, 0x01010101u * i);
	assert_int_equal(fake_kvm.late_count, 128);
	fake_run();
	assert_int_equal(h->disk->writes, 0);
	fake_time_pass(3000000);
	fake_run();
	assert_int_equal(h->disk->writes, 1);
	assert_int_equal(h->disk->data[3 * 512 + 511], 127);
	device_destroy(dev);
	assert_null(fake_timer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_read),
		TEST(test_write),
		TEST(test_many_regions),
		TEST(test_longer_list),
		TEST(test_shorter_list),
		TEST(test_order),
		TEST(test_registers),
		TEST(test_bad_lists),
		TEST(test_bad_second_region),
		TEST(test_wrong_direction),
		TEST(test_stop_in_flight),
		TEST(test_image_errors),
		TEST(test_write_cache_off),
		TEST(test_doorbell),
		TEST(test_late_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
