/* SPDX-License-Identifier: MIT
 *
 * Configuration space and BARs through the host bridge, as a kernel (and who means harm) uses them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bus/pci.h"
#include "dev/pci_host.h"
#include "memory_map.h"
#include "ports.h"

#define MEMORY_BYTES 0x4000u
#define PORT_BYTES 0x20u
#define LAST (GPA_PCI_WINDOW_BYTES - MEMORY_BYTES) /* offset of the last place for the BAR */

/* A function with a memory BAR 0 and a port BAR 2. */
struct toy {
	struct pci_function fn;
	unsigned reads, writes, moves;
	uint64_t last_offset, last_value;
	unsigned last_bar, last_width;
};

static struct device *host;
static struct device *dev[2];
static bool line[PCI_HOST_GSI_COUNT];
static unsigned line_calls;

static void toy_moved(struct pci_function *fn, unsigned bar, uint64_t old_base, uint64_t base)
{
	(void)bar;
	assert_true(old_base != base);
	((struct toy *)fn)->moves++;
}

static const struct pci_function_ops toy_identity = {.vendor = 0x1234,
						     .device = 0x5678,
						     .subsystem_vendor = 0x9abc,
						     .subsystem = 0xdef0,
						     .class_revision = 0x01020304,
						     .bar_moved = toy_moved};

static int toy_realize(struct device *d, const struct device_setup *setup)
{
	struct pci_function *fn = (struct pci_function *)d;

	(void)setup;
	pci_function_init(fn, &toy_identity);
	pci_add_bar(fn, 0, BUS_MMIO, MEMORY_BYTES);
	pci_add_bar(fn, 2, BUS_PIO, PORT_BYTES);
	return 0;
}

static uint64_t toy_read(struct device *d, unsigned region, uint64_t offset, unsigned width)
{
	struct toy *toy = (struct toy *)d;

	toy->reads++;
	toy->last_bar = region;
	toy->last_offset = offset;
	toy->last_width = width;
	return 0x1122334455667788;
}

static void toy_write(struct device *d, unsigned region, uint64_t offset, unsigned width,
		      uint64_t value)
{
	struct toy *toy = (struct toy *)d;

	toy->writes++;
	toy->last_bar = region;
	toy->last_offset = offset;
	toy->last_width = width;
	toy->last_value = value;
}

static const struct device_ops toy_ops = {.name = "toy",
					  .state_bytes = sizeof(struct toy),
					  .realize = toy_realize,
					  .read = toy_read,
					  .write = toy_write};

static struct toy *toy(unsigned index)
{
	return (struct toy *)dev[index];
}

static void set_line(void *irqchip, unsigned gsi, bool level)
{
	(void)irqchip;
	assert_true(line[gsi - PCI_HOST_FIRST_GSI] != level);
	line[gsi - PCI_HOST_FIRST_GSI] = level;
	line_calls++;
}

static const unsigned slots[2] = {3, 11}; /* they share a line */

static int create(void **state)
{
	const struct device_setup setup = {0};

	(void)state;
	memset(line, 0, sizeof(line));
	line_calls = 0;
	if (device_create(&pci_host_ops, "pci-host", &setup, &host))
		return -1;
	for (unsigned i = 0; i < PCI_HOST_GSI_COUNT; i++)
		pci_host_connect(host, i,
				 (struct irq_line){set_line, NULL, PCI_HOST_FIRST_GSI + i});
	for (unsigned i = 0; i < 2; i++)
		if (device_create(&toy_ops, "toy", &setup, &dev[i]) ||
		    pci_host_attach(host, &toy(i)->fn, slots[i]))
			return -1;
	return 0;
}

static int destroy(void **state)
{
	(void)state;
	device_destroy(dev[0]);
	device_destroy(dev[1]);
	device_destroy(host);
	return 0;
}

/* --- accesses, over MMCONFIG unless a test is about something else */

static uint64_t config_at(unsigned slot, unsigned function, unsigned offset)
{
	return (uint64_t)(slot << 3 | function) << 12 | offset;
}

static uint64_t get(unsigned index, unsigned offset, unsigned width)
{
	uint64_t value = pci_host_ops.read(host, PCI_HOST_CONFIG,
					   config_at(slots[index], 0, offset), width);

	return value & (width == 8 ? UINT64_MAX : (1ULL << width * 8) - 1);
}

static void put(unsigned index, unsigned offset, unsigned width, uint64_t value)
{
	pci_host_ops.write(host, PCI_HOST_CONFIG, config_at(slots[index], 0, offset), width, value);
}

static void decode(unsigned index, unsigned what)
{
	put(index, PCI_COMMAND, 2, what);
}

static uint64_t read_memory(uint64_t gpa, unsigned width)
{
	return pci_host_ops.read(host, PCI_HOST_MEMORY, gpa - GPA_PCI_WINDOW, width);
}

static uint64_t read_port(unsigned port, unsigned width)
{
	return pci_host_ops.read(host, PCI_HOST_PORTS, port - PORT_PCI_WINDOW, width);
}

/* --- tests */

static void test_header(void **state)
{
	(void)state;
	assert_int_equal(get(0, PCI_VENDOR_ID, 4), 0x56781234);
	assert_int_equal(get(0, PCI_REVISION_ID, 4), 0x01020304);
	assert_int_equal(get(0, PCI_SUBSYSTEM_VENDOR_ID, 4), 0xdef09abc);
	assert_int_equal(get(0, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(get(0, PCI_INTERRUPT_PIN, 1), 1);
	assert_int_equal(get(0, PCI_INTERRUPT_LINE, 1), PCI_HOST_FIRST_GSI + 3);
	assert_int_equal(get(1, PCI_INTERRUPT_LINE, 1), PCI_HOST_FIRST_GSI + 3);
	assert_int_equal(get(0, PCI_COMMAND, 4), 0);
}

/* All ones everywhere: what sticks is what PCI 3.0 §6.1, §6.2 let a guest write. */
static void test_writable_bits(void **state)
{
	static const struct {
		unsigned offset;
		uint32_t value;
	} rows[] = {
		{PCI_VENDOR_ID, 0x56781234},
		{PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
				      PCI_COMMAND_INTX_DISABLE},
		{PCI_REVISION_ID, 0x01020304},
		{0x0c, 0},
		{PCI_BAR0, ~(MEMORY_BYTES - 1)},
		{PCI_BAR0 + 4, 0},
		{PCI_BAR0 + 8, ~(PORT_BYTES - 1) | 1},
		{PCI_BAR0 + 12, 0},
		{0x28, 0},
		{PCI_SUBSYSTEM_VENDOR_ID, 0xdef09abc},
		{0x30, 0},
		{PCI_CAPABILITY_POINTER, 0},
		{PCI_INTERRUPT_LINE, 0x1ff},
		{0x40, 0},
		{0xfc, 0},
	};

	(void)state;
	for (unsigned offset = 0; offset < PCI_CONFIG_BYTES; offset += 4)
		put(0, offset, 4, UINT32_MAX);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(get(0, rows[i].offset, 4), rows[i].value);
}

static void test_both_mechanisms_agree(void **state)
{
	(void)state;
	put(0, PCI_INTERRUPT_LINE, 1, 0x5a);
	for (unsigned offset = 0; offset < PCI_CONFIG_BYTES; offset++) {
		uint32_t address = 0x80000000u | slots[0] << 11 | (offset & ~3u);

		pci_host_ops.write(host, PCI_HOST_ADDRESS, 0, 4, address);
		assert_int_equal(pci_host_ops.read(host, PCI_HOST_DATA, offset % 4, 1) & 0xff,
				 get(0, offset, 1));
	}
	pci_host_ops.write(host, PCI_HOST_ADDRESS, 0, 4, 0x80000000u | slots[0] << 11 | 0x3c);
	pci_host_ops.write(host, PCI_HOST_DATA, 0, 1, 0xa5);
	assert_int_equal(get(0, PCI_INTERRUPT_LINE, 1), 0xa5);
	pci_host_ops.write(host, PCI_HOST_ADDRESS, 0, 4, slots[0] << 11 | 0x3c); /* not enabled */
	pci_host_ops.write(host, PCI_HOST_DATA, 0, 1, 0x11);
	assert_int_equal(get(0, PCI_INTERRUPT_LINE, 1), 0xa5);
}

static void test_absent_functions(void **state)
{
	static const struct {
		unsigned slot, function;
	} rows[] = {{1, 0}, {3, 1}, {3, 7}, {11, 4}, {31, 0}, {31, 7}, {0, 1}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t at = config_at(rows[i].slot, rows[i].function, 0);

		assert_int_equal(pci_host_ops.read(host, PCI_HOST_CONFIG, at, 4) & UINT32_MAX,
				 UINT32_MAX);
		pci_host_ops.write(host, PCI_HOST_CONFIG, at + PCI_COMMAND, 4, UINT32_MAX);
	}
	assert_int_equal(get(0, PCI_COMMAND, 2), 0);
}

/* Over an alignment, wider than a register, or behind the first 256 bytes. */
static void test_odd_config_accesses(void **state)
{
	(void)state;
	assert_int_equal(get(0, 1, 2), 0);
	assert_int_equal(get(0, 2, 4), 0);
	assert_int_equal(get(0, 0, 8), 0);
	put(0, PCI_INTERRUPT_LINE - 2, 4, 0x00770000);
	put(0, PCI_INTERRUPT_LINE - 4, 8, 0x77ULL << 32);
	assert_int_equal(get(0, PCI_INTERRUPT_LINE, 1), PCI_HOST_FIRST_GSI + 3);
	for (unsigned offset = 0x100; offset < 0x1000; offset += 4) {
		put(0, offset, 4, UINT32_MAX);
		assert_int_equal(get(0, offset, 4), 0);
	}
}

static void test_bar_sizing(void **state)
{
	uint32_t memory = (uint32_t)get(0, PCI_BAR0, 4);
	uint32_t port = (uint32_t)get(0, PCI_BAR0 + 8, 4);

	(void)state;
	assert_in_range(memory, GPA_PCI_WINDOW, GPA_PCI_WINDOW + LAST);
	assert_int_equal(port & 3, 1);
	put(0, PCI_BAR0, 4, UINT32_MAX);
	assert_int_equal((~get(0, PCI_BAR0, 4) + 1) & UINT32_MAX, MEMORY_BYTES);
	put(0, PCI_BAR0, 4, memory);
	put(0, PCI_BAR0 + 8, 4, UINT32_MAX);
	assert_int_equal((~(get(0, PCI_BAR0 + 8, 4) & ~1ULL) + 1) & UINT32_MAX, PORT_BYTES);
	put(0, PCI_BAR0 + 8, 4, port);
	assert_int_equal(get(0, PCI_BAR0, 4), memory);
	assert_int_equal(get(0, PCI_BAR0 + 8, 4), port);
	assert_int_equal(toy(0)->moves, 0); /* decoding was off */
}

static void test_decoding(void **state)
{
	uint64_t memory = get(0, PCI_BAR0, 4);
	unsigned port = (unsigned)get(0, PCI_BAR0 + 8, 4) & ~1u;

	(void)state;
	assert_int_equal(read_memory(memory, 4), UINT64_MAX);
	decode(0, PCI_COMMAND_MEMORY);
	assert_int_equal(read_memory(memory + 8, 4), 0x1122334455667788);
	assert_int_equal(toy(0)->last_offset, 8);
	assert_int_equal(toy(0)->last_bar, 0);
	assert_int_equal(read_port(port, 2), UINT64_MAX);
	decode(0, PCI_COMMAND_IO);
	assert_int_equal(read_memory(memory, 4), UINT64_MAX);
	pci_host_ops.write(host, PCI_HOST_PORTS, port - PORT_PCI_WINDOW + 4, 2, 0xbeef);
	assert_int_equal(toy(0)->last_value, 0xbeef);
	assert_int_equal(toy(0)->last_bar, 2);
	assert_int_equal(toy(0)->last_width, 2);
	assert_int_equal(toy(0)->moves, 3);
	assert_int_equal(toy(1)->reads + toy(1)->writes, 0);
}

static void test_access_over_the_end_of_a_bar(void **state)
{
	uint64_t memory = get(0, PCI_BAR0, 4);

	(void)state;
	decode(0, PCI_COMMAND_MEMORY);
	decode(1, PCI_COMMAND_MEMORY);
	assert_int_equal(read_memory(memory + MEMORY_BYTES - 8, 8), 0x1122334455667788);
	assert_int_equal(read_memory(memory + MEMORY_BYTES - 4, 8), UINT64_MAX);
	assert_int_equal(read_memory(memory + MEMORY_BYTES - 1, 2), UINT64_MAX);
	assert_int_equal(toy(0)->reads, 1);
	assert_int_equal(toy(1)->reads, 0);
}

static void test_relocation(void **state)
{
	uint64_t before = get(0, PCI_BAR0, 4);
	uint64_t last = GPA_PCI_WINDOW + LAST;

	(void)state;
	decode(0, PCI_COMMAND_MEMORY);
	put(0, PCI_BAR0, 4, last);
	assert_int_equal(read_memory(before, 4), UINT64_MAX);
	assert_int_not_equal(read_memory(last, 4), UINT64_MAX);
	put(0, PCI_BAR0 + 2, 1, 0); /* byte by byte, and then outside of the window */
	put(0, PCI_BAR0 + 3, 1, 0x10);
	assert_int_equal(read_memory(last, 4), UINT64_MAX);
	put(0, PCI_BAR0, 4, last | 0x3fff); /* low bits are not there */
	assert_int_equal(get(0, PCI_BAR0, 4), last);
	assert_int_not_equal(read_memory(last, 4), UINT64_MAX);
}

static void test_outside_the_window(void **state)
{
	static const uint32_t rows[] = {0,
					0xfee00000,
					(uint32_t)GPA_PCI_WINDOW - MEMORY_BYTES,
					(uint32_t)(GPA_PCI_WINDOW + GPA_PCI_WINDOW_BYTES),
					(uint32_t)GPA_PCI_CONFIG,
					0x100000,
					0xffffc000};

	(void)state;
	decode(0, PCI_COMMAND_MEMORY);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		put(0, PCI_BAR0, 4, rows[i]);
		assert_int_equal(get(0, PCI_BAR0, 4), rows[i]);
		assert_int_equal(toy(0)->fn.bar[0].base, 0);
	}
	for (uint64_t at = 0; at < GPA_PCI_WINDOW_BYTES; at += MEMORY_BYTES)
		assert_int_equal(pci_host_ops.read(host, PCI_HOST_MEMORY, at, 1), UINT64_MAX);
}

/* One over the other: one of them answers, and both are there again when they are apart. */
static void test_overlap(void **state)
{
	uint64_t first = get(0, PCI_BAR0, 4);
	uint64_t second = get(1, PCI_BAR0, 4);

	(void)state;
	decode(0, PCI_COMMAND_MEMORY);
	decode(1, PCI_COMMAND_MEMORY);
	put(1, PCI_BAR0, 4, first);
	read_memory(first, 4);
	assert_int_equal(toy(0)->reads + toy(1)->reads, 1);
	put(1, PCI_BAR0, 4, second);
	read_memory(first, 4);
	read_memory(second, 4);
	assert_int_equal(toy(0)->reads, 2);
	assert_int_equal(toy(1)->reads, 1);
}

static void intx(unsigned index, bool level)
{
	pthread_mutex_lock(&dev[index]->lock);
	pci_set_intx(&toy(index)->fn, level);
	pthread_mutex_unlock(&dev[index]->lock);
}

static void test_intx_is_shared(void **state)
{
	(void)state;
	intx(0, true);
	intx(0, true);
	assert_true(line[3]);
	intx(1, true);
	intx(0, false);
	assert_true(line[3]);
	assert_int_equal(get(0, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, 0);
	assert_int_not_equal(get(1, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, 0);
	intx(1, false);
	assert_false(line[3]);
	assert_int_equal(line_calls, 2);
}

static void test_intx_disabled(void **state)
{
	(void)state;
	put(0, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	intx(0, true);
	assert_false(line[3]);
	assert_int_not_equal(get(0, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, 0);
	put(0, PCI_COMMAND, 2, 0);
	assert_true(line[3]);
	put(0, PCI_COMMAND + 1, 1, PCI_COMMAND_INTX_DISABLE >> 8);
	assert_false(line[3]);
}

static void test_capability_list(void **state)
{
	struct pci_function *fn = &toy(0)->fn;
	unsigned first = pci_add_capability(fn, PCI_CAP_VENDOR, 17);
	unsigned second = pci_add_capability(fn, PCI_CAP_MSIX, 12);

	(void)state;
	assert_int_not_equal(get(0, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES, 0);
	assert_int_equal(get(0, PCI_CAPABILITY_POINTER, 1), second);
	assert_int_equal(get(0, second, 2), first << 8 | PCI_CAP_MSIX);
	assert_int_equal(get(0, first, 2), PCI_CAP_VENDOR);
	assert_int_equal(second % 4, 0);
	assert_true(second >= first + 17);
}

static void test_attaching(void **state)
{
	(void)state;
	assert_int_equal(pci_host_attach(host, &toy(0)->fn, 0), -EBUSY);
	assert_int_equal(pci_host_attach(host, &toy(0)->fn, 3), -EBUSY);
	assert_int_equal(pci_host_attach(host, &toy(0)->fn, PCI_SLOT_MAX), -EBUSY);
	assert_ptr_equal(pci_host_function(host, 11), &toy(1)->fn);
	assert_null(pci_host_function(host, 1));
	assert_null(pci_host_function(host, PCI_SLOT_MAX));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_header),
		TEST(test_writable_bits),
		TEST(test_both_mechanisms_agree),
		TEST(test_absent_functions),
		TEST(test_odd_config_accesses),
		TEST(test_bar_sizing),
		TEST(test_decoding),
		TEST(test_access_over_the_end_of_a_bar),
		TEST(test_relocation),
		TEST(test_outside_the_window),
		TEST(test_overlap),
		TEST(test_intx_is_shared),
		TEST(test_intx_disabled),
		TEST(test_capability_list),
		TEST(test_attaching),
	};

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
