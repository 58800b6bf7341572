/* SPDX-License-Identifier: MIT
 *
 * virtio-pci as a driver finds it: structures by their capabilities (virtio 1.2 §4.1.4), the negotiation in the common
 * configuration, MSI-X vectors and INTx, doorbells that follow their BAR, and the window in configuration space.
 */
#include "transport_rig.h"

#include "bus/pci.h"
#include "dev/pci_host.h"
#include "memory_map.h"
#include "ports.h"
#include "virtio/pci.h"

#define SLOT 4
#define LINE (SLOT % PCI_HOST_GSI_COUNT)
#define NO_VECTOR 0xffff

/* §4.1.4.3 */
enum {
	DEVICE_FEATURE_SELECT = 0x00,
	DEVICE_FEATURE = 0x04,
	DRIVER_FEATURE_SELECT = 0x08,
	DRIVER_FEATURE = 0x0c,
	CONFIG_VECTOR = 0x10,
	NUM_QUEUES = 0x12,
	STATUS = 0x14,
	GENERATION = 0x15,
	QUEUE_SELECT = 0x16,
	QUEUE_SIZE = 0x18,
	QUEUE_VECTOR = 0x1a,
	QUEUE_ENABLE = 0x1c,
	QUEUE_NOTIFY_OFF = 0x1e,
	QUEUE_DESC = 0x20,
	QUEUE_DRIVER = 0x28,
	QUEUE_DEVICE = 0x30,
	QUEUE_RESET = 0x3a
};

enum { COMMON = 1, NOTIFY, ISR, DEVICE, WINDOW, STRUCTURES };

static struct device *host;
static bool line;
static struct {
	unsigned cap, bar;
	uint32_t offset, length;
} at[STRUCTURES];
static unsigned msix;

static void set_line(void *irqchip, unsigned gsi, bool level)
{
	(void)irqchip;
	assert_int_equal(gsi, PCI_HOST_FIRST_GSI + LINE);
	line = level;
}

/* --- accesses */

static uint32_t get_config(unsigned offset, unsigned width)
{
	uint64_t value = pci_host_ops.read(host, PCI_HOST_CONFIG, SLOT << 15 | offset, width);

	return (uint32_t)(value & ((1ULL << width * 8) - 1));
}

static void put_config(unsigned offset, unsigned width, uint32_t value)
{
	pci_host_ops.write(host, PCI_HOST_CONFIG, SLOT << 15 | offset, width, value);
}

static uint64_t memory_at(unsigned bar)
{
	return (get_config(PCI_BAR0 + bar * 4, 4) & ~0xfu) - GPA_PCI_WINDOW;
}

static unsigned port_at(unsigned queue)
{
	return (get_config(PCI_BAR0 + at[NOTIFY].bar * 4, 4) & ~3u) + at[NOTIFY].offset +
	       queue * get_config(at[NOTIFY].cap + 16, 4);
}

static uint64_t get(unsigned structure, unsigned offset, unsigned width)
{
	uint64_t value = pci_host_ops.read(
		host, PCI_HOST_MEMORY, memory_at(at[structure].bar) + at[structure].offset + offset,
		width);

	return width == 8 ? value : value & ((1ULL << width * 8) - 1);
}

static void put(unsigned structure, unsigned offset, unsigned width, uint64_t value)
{
	pci_host_ops.write(host, PCI_HOST_MEMORY,
			   memory_at(at[structure].bar) + at[structure].offset + offset, width,
			   value);
}

static void put64(unsigned offset, uint64_t value)
{
	put(COMMON, offset, 4, (uint32_t)value);
	put(COMMON, offset + 4, 4, (uint32_t)(value >> 32));
}

static void kick(unsigned queue)
{
	if (!wires_ring(BUS_PIO, port_at(queue), 2, queue))
		pci_host_ops.write(host, PCI_HOST_PORTS, port_at(queue) - PORT_PCI_WINDOW, 2,
				   queue);
	turn();
}

static void find_structures(void)
{
	memset(at, 0, sizeof(at));
	msix = 0;
	for (unsigned cap = get_config(PCI_CAPABILITY_POINTER, 1); cap;
	     cap = get_config(cap + 1, 1)) {
		unsigned type = get_config(cap + 3, 1);

		if (get_config(cap, 1) == PCI_CAP_MSIX)
			msix = cap;
		if (get_config(cap, 1) != PCI_CAP_VENDOR)
			continue;
		assert_in_range(type, COMMON, WINDOW);
		at[type].cap = cap;
		at[type].bar = get_config(cap + 4, 1);
		at[type].offset = get_config(cap + 8, 4);
		at[type].length = get_config(cap + 12, 4);
	}
}

static int create(void **state)
{
	struct device_setup setup = {0};

	(void)state;
	rig_prepare();
	line = false;
	if (device_create(&pci_host_ops, "pci-host", &setup, &host))
		return -1;
	pci_host_connect(host, LINE, (struct irq_line){set_line, NULL, PCI_HOST_FIRST_GSI + LINE});
	setup = (struct device_setup){
		.loop = loop, .mem = &ram, .wiring = &fake_wiring, .options = &plugin};
	if (device_create(&virtio_pci_ops, "toy0", &setup, &transport) ||
	    pci_host_attach(host, (struct pci_function *)transport, SLOT))
		return -1;
	vdev = toy_device;
	find_structures();
	put_config(PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	return 0;
}

static int destroy(void **state)
{
	(void)state;
	rig_finish();
	device_destroy(host);
	assert_int_equal(wires.irqfd_count, 0);
	return 0;
}

/* --- a driver */

static bool negotiate(uint64_t features)
{
	put(COMMON, STATUS, 1, 0);
	assert_int_equal(get(COMMON, STATUS, 1), 0);
	put(COMMON, STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE);
	put(COMMON, STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	for (unsigned i = 0; i < 2; i++) {
		put(COMMON, DRIVER_FEATURE_SELECT, 4, i);
		put(COMMON, DRIVER_FEATURE, 4, (uint32_t)(features >> i * 32));
		assert_int_equal(get(COMMON, DRIVER_FEATURE, 4), (uint32_t)(features >> i * 32));
	}
	put(COMMON, STATUS, 1, 11);
	return get(COMMON, STATUS, 1) & VIRTIO_STATUS_FEATURES_OK;
}

static void set_queue(unsigned queue)
{
	clear_ring(queue);
	put(COMMON, QUEUE_SELECT, 2, queue);
	assert_int_equal(get(COMMON, QUEUE_ENABLE, 2), 0);
	assert_int_equal(get(COMMON, QUEUE_SIZE, 2), 16);
	assert_int_equal(get(COMMON, QUEUE_NOTIFY_OFF, 2), queue);
	put64(QUEUE_DESC, DESC_GPA(queue));
	put64(QUEUE_DRIVER, AVAIL_GPA(queue));
	put64(QUEUE_DEVICE, USED_GPA(queue));
	put(COMMON, QUEUE_ENABLE, 2, 1);
	assert_int_equal(get(COMMON, QUEUE_ENABLE, 2), 1);
}

/* Vector 0 for changes, 1 and 2 for the queues; message data are 0x40 + vector. */
static void open_vectors(void)
{
	for (unsigned i = 0; i < 3; i++) {
		uint64_t entry = memory_at(get_config(msix + 4, 1) & 7) + i * 16;

		pci_host_ops.write(host, PCI_HOST_MEMORY, entry, 8, 0xfee00000);
		pci_host_ops.write(host, PCI_HOST_MEMORY, entry + 8, 8, 0x40 + i);
	}
	put_config(msix + 2, 2, 0x8000);
	put(COMMON, CONFIG_VECTOR, 2, 0);
	for (unsigned i = 0; i < 2; i++) {
		put(COMMON, QUEUE_SELECT, 2, i);
		put(COMMON, QUEUE_VECTOR, 2, i + 1);
		assert_int_equal(get(COMMON, QUEUE_VECTOR, 2), i + 1);
	}
}

static void start(uint64_t features, bool vectors)
{
	assert_true(negotiate(features | VIRTIO_BIT(VIRTIO_F_VERSION_1)));
	if (vectors)
		open_vectors();
	for (unsigned i = 0; i < 2; i++)
		set_queue(i);
	put(COMMON, STATUS, 1, 15);
	assert_int_equal(get(COMMON, STATUS, 1), 15);
}

/* Interrupts that came by the message with these data. */
static uint64_t take_messages(uint32_t data)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < WIRES_MAX; i++)
		if (wires.message[i].bound && wires.message[i].data == data)
			sum += wires_take_interrupts(FIRST_FAKE_GSI + i);
	return sum;
}

/* --- tests */

static void test_identity(void **state)
{
	(void)state;
	assert_int_equal(get_config(PCI_VENDOR_ID, 4), (0x1040u + TOY_ID) << 16 | 0x1af4);
	assert_int_equal(get_config(PCI_REVISION_ID, 4), 0xff000001);
	for (unsigned i = COMMON; i <= WINDOW; i++)
		assert_int_not_equal(at[i].cap, 0);
	assert_int_equal(at[COMMON].length, 0x3c);
	assert_int_equal(at[DEVICE].length, TOY_CONFIG_BYTES);
	assert_int_equal(get_config(msix + 2, 2), 2); /* three vectors */
	assert_int_equal(get(COMMON, NUM_QUEUES, 2), 2);
	assert_int_equal(get(COMMON, CONFIG_VECTOR, 2), NO_VECTOR);
	assert_int_equal(get(COMMON, QUEUE_VECTOR, 2), NO_VECTOR);
	assert_int_equal(get(DEVICE, 3, 1), 0x13);
	assert_int_equal(get(DEVICE, TOY_CONFIG_BYTES - 2, 4), 0x1b1a);
	put(COMMON, DEVICE_FEATURE_SELECT, 4, 1);
	assert_int_equal(get(COMMON, DEVICE_FEATURE, 4),
			 (VIRTIO_BIT(VIRTIO_F_VERSION_1) | RING_BITS) >> 32);
	put(COMMON, DEVICE_FEATURE_SELECT, 4, 2);
	assert_int_equal(get(COMMON, DEVICE_FEATURE, 4), 0);
}

static void test_features_refused(void **state)
{
	(void)state;
	assert_false(negotiate(VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(8)));
	assert_false(negotiate(VIRTIO_BIT(TOY_FEATURE)));
	put(COMMON, STATUS, 1, 15);
	assert_int_equal(get(COMMON, STATUS, 1), 3);
	assert_true(negotiate(VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(TOY_FEATURE)));
}

static void test_vectors(void **state)
{
	(void)state;
	start(0, true);
	offer_buffer(1);
	kick(1);
	assert_int_equal(used_index(1), 1);
	assert_int_equal(take_messages(0x42), 1);
	assert_int_equal(take_messages(0x41), 0);
	virtio_config_changed(vdev);
	assert_int_equal(take_messages(0x40), 1);
	turn();
	assert_false(line);
	assert_int_equal(get(ISR, 0, 1), 0);
}

static void test_vectors_that_are_not_there(void **state)
{
	static const uint16_t rows[] = {3, 4, 64, 0x7fff, 0xfffe};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		put(COMMON, CONFIG_VECTOR, 2, rows[i]);
		assert_int_equal(get(COMMON, CONFIG_VECTOR, 2), NO_VECTOR);
		put(COMMON, QUEUE_VECTOR, 2, rows[i]);
		assert_int_equal(get(COMMON, QUEUE_VECTOR, 2), NO_VECTOR);
	}
	put(COMMON, QUEUE_SELECT, 2, 0xffff);
	put(COMMON, QUEUE_VECTOR, 2, 1);
	assert_int_equal(get(COMMON, QUEUE_SIZE, 2), 0);
	start(0, true);
	put(COMMON, QUEUE_SELECT, 2, 0);
	put(COMMON, QUEUE_VECTOR, 2, NO_VECTOR);
	offer_buffer(0);
	kick(0); /* polled: used, and nobody is told */
	assert_int_equal(used_index(0), 1);
	assert_int_equal(take_messages(0x41), 0);
}

static void test_masked_vector_waits(void **state)
{
	uint64_t control;

	(void)state;
	start(0, true);
	control = memory_at(get_config(msix + 4, 1) & 7) + 16 + 12;
	pci_host_ops.write(host, PCI_HOST_MEMORY, control, 4, 1);
	offer_buffer(0);
	kick(0);
	assert_int_equal(take_messages(0x41), 0);
	pci_host_ops.write(host, PCI_HOST_MEMORY, control, 4, 0);
	assert_int_equal(take_messages(0x41), 1);
}

static void test_intx(void **state)
{
	(void)state;
	start(0, false);
	offer_buffer(0);
	kick(0);
	turn();
	assert_true(line);
	assert_int_equal(get(ISR, 0, 1), 1);
	assert_false(line);
	assert_int_equal(get(ISR, 0, 1), 0);
	virtio_config_changed(vdev);
	turn();
	assert_int_equal(get(ISR, 0, 1), 2);
}

/* What was on its way when the driver reset the device asserts nothing any more: nobody would take it back. */
static void test_no_intx_after_reset(void **state)
{
	(void)state;
	start(0, false);
	virtio_config_changed(vdev);
	put(COMMON, STATUS, 1, 0);
	turn();
	assert_false(line);
	start(0, false);
	virtio_config_changed(vdev);
	turn();
	assert_true(line);
	put(COMMON, STATUS, 1, 0);
	assert_false(line);
}

static void test_no_intx_with_msix(void **state)
{
	(void)state;
	start(0, false);
	virtio_config_changed(vdev);
	turn();
	assert_true(line);
	put_config(msix + 2, 2, 0x8000);
	assert_false(line);
	put_config(msix + 2, 2, 0);
	assert_true(line);
	get(ISR, 0, 1);
	virtio_config_changed(vdev);
	put_config(msix + 2, 2, 0x8000); /* before the loop came to it */
	turn();
	put_config(msix + 2, 2, 0);
	assert_false(line);
}

static void test_doorbells_follow_their_bar(void **state)
{
	unsigned before = port_at(0);

	(void)state;
	assert_int_equal(wires.doorbell_count, 2);
	assert_true(fake_find_doorbell(BUS_PIO, port_at(1), 2, 1) >= 0);
	put_config(PCI_BAR0 + at[NOTIFY].bar * 4, 4, PORT_PCI_WINDOW + 0x1000);
	assert_int_equal(wires.doorbell_count, 2);
	assert_true(fake_find_doorbell(BUS_PIO, before, 2, 0) < 0);
	assert_true(fake_find_doorbell(BUS_PIO, PORT_PCI_WINDOW + 0x1004, 2, 1) >= 0);
	put_config(PCI_BAR0 + at[NOTIFY].bar * 4, 4, 0x100); /* nowhere */
	assert_int_equal(wires.doorbell_count, 0);
	put_config(PCI_BAR0 + at[NOTIFY].bar * 4, 4, before);
	assert_int_equal(wires.doorbell_count, 2);
	put_config(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(wires.doorbell_count, 0);
}

/* A kick that KVM did not take does the same. */
static void test_kick_without_doorbell(void **state)
{
	(void)state;
	start(0, true);
	wires.doorbell_count = 0;
	offer_buffer(1);
	kick(1);
	assert_int_equal(used_index(1), 1);
	kick(2);
	kick(31);
}

static void test_ring_reset(void **state)
{
	(void)state;
	start(VIRTIO_BIT(VIRTIO_F_RING_RESET), true);
	put(COMMON, QUEUE_SELECT, 2, 1);
	put64(QUEUE_DESC, 0xdead000); /* an enabled queue's fields stay */
	assert_int_equal(get(COMMON, QUEUE_DESC, 4), DESC_GPA(1));
	put(COMMON, QUEUE_RESET, 2, 1);
	assert_int_equal(get(COMMON, QUEUE_RESET, 2), 0);
	assert_int_equal(get(COMMON, QUEUE_ENABLE, 2), 0);
	offer_buffer(1);
	kick(1);
	assert_int_equal(used_index(1), 0);
	set_queue(1);
	offer_buffer(1);
	kick(1);
	assert_int_equal(used_index(1), 1);
}

static void test_reset_forgets(void **state)
{
	(void)state;
	start(0, true);
	put(COMMON, STATUS, 1, 0);
	put(COMMON, QUEUE_SELECT, 2, 1);
	assert_int_equal(get(COMMON, QUEUE_ENABLE, 2), 0);
	assert_int_equal(get(COMMON, QUEUE_VECTOR, 2), NO_VECTOR);
	assert_int_equal(get(COMMON, CONFIG_VECTOR, 2), NO_VECTOR);
	assert_int_equal(get(COMMON, QUEUE_DESC, 4), 0);
	assert_int_equal(get(COMMON, DRIVER_FEATURE, 4), 0);
	assert_int_equal(model()->resets, 1);
}

static void test_broken_device_says_so(void **state)
{
	(void)state;
	start(0, true);
	offer_nonsense(0);
	kick(0);
	assert_int_equal(get(COMMON, STATUS, 1), 15 | VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(take_messages(0x40), 1);
	start(0, true);
	offer_buffer(0);
	kick(0);
	assert_int_equal(used_index(0), 1);
}

static void test_generation(void **state)
{
	uint8_t value = 0x55;
	unsigned before = (unsigned)get(COMMON, GENERATION, 1);

	(void)state;
	virtio_set_config(vdev, 2, &value, 1);
	assert_int_equal(get(COMMON, GENERATION, 1), (before + 1) & 0xff);
	assert_int_equal(get(DEVICE, 2, 1), 0x55);
	put(DEVICE, 0, 4, UINT32_MAX); /* read-only */
	assert_int_equal(get(DEVICE, 0, 4), 0x13551110);
	put(DEVICE, TOY_WRITABLE, 4, 0xaabbccdd);
	assert_int_equal(get(DEVICE, TOY_WRITABLE, 4), 0xaabbccdd);
}

/* --- the window, §4.1.4.9 */

static void aim(unsigned bar, uint32_t offset, uint32_t length)
{
	put_config(at[WINDOW].cap + 4, 1, bar);
	put_config(at[WINDOW].cap + 8, 4, offset);
	put_config(at[WINDOW].cap + 12, 4, length);
}

static void test_window(void **state)
{
	(void)state;
	put_config(PCI_COMMAND, 2, 0); /* it is for those who can't map BARs */
	aim(at[COMMON].bar, at[COMMON].offset + NUM_QUEUES, 2);
	assert_int_equal(get_config(at[WINDOW].cap + 16, 2), 2);
	aim(at[COMMON].bar, at[COMMON].offset + STATUS, 1);
	put_config(at[WINDOW].cap + 16, 1, 3);
	assert_int_equal(vdev->status, 3);
	aim(at[DEVICE].bar, at[DEVICE].offset + TOY_WRITABLE, 4);
	put_config(at[WINDOW].cap + 16, 4, 0x01020304);
	assert_int_equal(vdev->config[TOY_WRITABLE], 4);
	aim(at[NOTIFY].bar, at[NOTIFY].offset, 2);
	put_config(at[WINDOW].cap + 16, 2, 0);
}

static void test_window_to_nowhere(void **state)
{
	static const struct {
		unsigned bar;
		uint32_t offset, length;
	} rows[] = {{0, 0, 0},		{0, 0, 3},
		    {0, 0, 8},		{0, 1, 2},
		    {0, 0x4000, 4},	{0, 0xfffffffc, 4},
		    {3, 0, 4},		{6, 0, 4},
		    {255, 0, 4},	{1, 0x1000, 1},
		    {2, 0x80, 4},	{0, 0, UINT32_MAX},
		    {0, UINT32_MAX, 1}, {5, UINT32_MAX - 1, 2}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		aim(rows[i].bar, rows[i].offset, rows[i].length);
		put_config(at[WINDOW].cap + 16, 4, 0x0f0f0f0f);
		assert_int_equal(get_config(at[WINDOW].cap + 16, 4), 0x0f0f0f0f);
	}
	assert_int_equal(vdev->status, 0);
}

/* Any width anywhere: nothing breaks, and what is no register reads as 0. */
static void test_odd_accesses(void **state)
{
	(void)state;
	for (unsigned width = 1; width <= 8; width *= 2)
		for (unsigned offset = 0; offset + width <= 0x4000;
		     offset += offset < 0x100 ? 1 : 61) {
			put(COMMON, offset, width, 0);
			get(COMMON, offset, width);
		}
	assert_int_equal(get(COMMON, 0x3c, 4), 0);
	assert_int_equal(get(COMMON, 0x38, 8), 0);
	assert_int_equal(get(COMMON, 0xffc, 4), 0);
	assert_int_equal(get(ISR, 1, 1), 0);
	assert_int_equal(get(DEVICE, TOY_CONFIG_BYTES, 4), 0);
}

static void test_failing_realize(void **state)
{
	const struct device_setup setup = {
		.loop = loop, .mem = &ram, .wiring = &fake_wiring, .options = &plugin};
	struct device *other;
	unsigned before = open_files();

	(void)state;
	toy_realize_error = -ENODEV;
	assert_int_equal(device_create(&virtio_pci_ops, "toy1", &setup, &other), -ENODEV);
	assert_int_equal(open_files(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_identity),
		TEST(test_features_refused),
		TEST(test_vectors),
		TEST(test_vectors_that_are_not_there),
		TEST(test_masked_vector_waits),
		TEST(test_intx),
		TEST(test_no_intx_after_reset),
		TEST(test_no_intx_with_msix),
		TEST(test_doorbells_follow_their_bar),
		TEST(test_kick_without_doorbell),
		TEST(test_ring_reset),
		TEST(test_reset_forgets),
		TEST(test_broken_device_says_so),
		TEST(test_generation),
		TEST(test_window),
		TEST(test_window_to_nowhere),
		TEST(test_odd_accesses),
		TEST(test_failing_realize),
	};

	return cmocka_run_group_tests_name("virtio_pci", tests, NULL, NULL);
}
