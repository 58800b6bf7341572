/* SPDX-License-Identifier: MIT
 *
 * MSI-X: when KVM has a vector's eventfd, with which message, and where a signal waits when it has not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bus/pci.h"
#include "wiring_fake.h"

#define VECTORS 5
#define BAR 1
#define ENABLE 0x8000u
#define MASK_ALL 0x4000u
#define PENDING 0x800

static struct pci_function fn;
static const struct pci_function_ops ops = {.vendor = 0x1234, .device = 1};
static unsigned control; /* offset of the control word */

static int create(void **state)
{
	(void)state;
	wires_init();
	memset(&fn, 0, sizeof(fn));
	pci_function_init(&fn, &ops);
	if (msix_create(&fn, BAR, VECTORS, &fake_wiring))
		return -1;
	control = fn.config[PCI_CAPABILITY_POINTER] + 2u;
	return 0;
}

static int destroy(void **state)
{
	(void)state;
	msix_destroy(&fn);
	assert_int_equal(wires.irqfd_count, 0);
	for (unsigned i = 0; i < WIRES_MAX; i++)
		assert_false(wires.message[i].taken);
	return 0;
}

static void set_control(unsigned value)
{
	pci_config_write(&fn, control, 2, value);
}

static void set_message(unsigned vector, uint64_t address, uint32_t data)
{
	msix_write(&fn, vector * 16u, 8, address);
	msix_write(&fn, vector * 16u + 8, 4, data);
}

static void mask(unsigned vector, bool masked)
{
	msix_write(&fn, vector * 16u + 12, 4, masked);
}

static void ring(unsigned vector)
{
	uint64_t one = 1;

	assert_int_equal(write(msix_fd(&fn, vector), &one, sizeof(one)), sizeof(one));
}

static void test_capability(void **state)
{
	(void)state;
	assert_int_equal(fn.config[control - 2], PCI_CAP_MSIX);
	assert_int_equal(pci_config_read(&fn, control, 2), VECTORS - 1);
	assert_int_equal(pci_config_read(&fn, control + 2, 4), BAR);
	assert_int_equal(pci_config_read(&fn, control + 6, 4), PENDING | BAR);
	set_control(0xffff);
	assert_int_equal(pci_config_read(&fn, control, 2), ENABLE | MASK_ALL | (VECTORS - 1));
	pci_config_write(&fn, control + 2, 4, UINT32_MAX);
	assert_int_equal(pci_config_read(&fn, control + 2, 4), BAR);
}

static void test_entry_after_reset(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VECTORS; i++) {
		assert_int_equal(msix_read(&fn, i * 16, 8), 0);
		assert_int_equal(msix_read(&fn, i * 16 + 8, 8), 1ULL << 32);
	}
	assert_int_equal(msix_read(&fn, VECTORS * 16 + 12, 4), 0);
	assert_int_equal(msix_read(&fn, PENDING, 8), 0);
	assert_false(msix_is_enabled(&fn));
}

/* Only dwords and quadwords at their own alignment; reserved bits stay 0. */
static void test_access_rules(void **state)
{
	(void)state;
	msix_write(&fn, 0, 4, 0xffffffff);
	assert_int_equal(msix_read(&fn, 0, 4), 0xfffffffc);
	msix_write(&fn, 12, 4, 0xfffffffe);
	assert_int_equal(msix_read(&fn, 12, 4), 0);
	msix_write(&fn, 4, 1, 0x55);
	msix_write(&fn, 4, 2, 0x5555);
	msix_write(&fn, 6, 4, 0x55555555);
	msix_write(&fn, 4, 8, 0x5555555555555555);
	assert_int_equal(msix_read(&fn, 4, 4), 0);
	msix_write(&fn, VECTORS * 16, 4, 1);
	msix_write(&fn, PENDING, 8, UINT64_MAX);
	msix_write(&fn, 0xff8, 8, UINT64_MAX);
	assert_int_equal(msix_read(&fn, PENDING, 8), 0);
	assert_int_equal(msix_read(&fn, 0xff8, 8), 0);
	assert_int_equal(msix_read(&fn, 0, 2), 0);
	assert_int_equal(msix_read(&fn, 2, 4), 0);
}

static void test_armed_when_all_is_open(void **state)
{
	(void)state;
	set_message(2, 0xfee00000, 0x41);
	mask(2, false);
	assert_int_equal(wires.irqfd_count, 0);
	set_control(ENABLE | MASK_ALL);
	assert_int_equal(wires.irqfd_count, 0);
	set_control(ENABLE);
	assert_int_equal(wires.irqfd_count, 1);
	assert_int_equal(wires_message_of(msix_fd(&fn, 2))->data, 0x41);
	assert_int_equal(wires_message_of(msix_fd(&fn, 2))->address, 0xfee00000);
	mask(2, true);
	assert_int_equal(wires.irqfd_count, 0);
	mask(2, false);
	assert_int_equal(wires.irqfd_count, 1);
	assert_int_equal(wires.set_msi_calls, 1); /* it was the same message */
	set_control(0);
	assert_int_equal(wires.irqfd_count, 0);
}

static void test_message_changes_while_armed(void **state)
{
	(void)state;
	set_control(ENABLE);
	mask(0, false);
	set_message(0, 0x1fee01000, 0x52);
	assert_int_equal(wires.irqfd_count, 1);
	assert_int_equal(wires_message_of(msix_fd(&fn, 0))->address, 0x1fee01000);
	assert_int_equal(wires_message_of(msix_fd(&fn, 0))->data, 0x52);
	msix_write(&fn, 8, 8, 0x53); /* data and control at once */
	assert_int_equal(wires_message_of(msix_fd(&fn, 0))->data, 0x53);
	assert_int_equal(wires.irqfd_count, 1);
}

static void test_pending(void **state)
{
	(void)state;
	set_control(ENABLE);
	ring(1);
	ring(4);
	assert_int_equal(msix_read(&fn, PENDING, 8), 0x12);
	assert_int_equal(msix_read(&fn, PENDING, 4), 0x12);
	assert_int_equal(msix_read(&fn, PENDING + 4, 4), 0);
	mask(1, false);
	assert_int_equal(msix_read(&fn, PENDING, 8), 0x10);
	assert_int_equal(wires_take_interrupts(FIRST_FAKE_GSI), 1); /* KVM finds it */
	mask(1, true);
	assert_int_equal(msix_read(&fn, PENDING, 8), 0x10);
}

/* What KVM refuses interrupts nobody; what it is given next does. */
static void test_refused_message(void **state)
{
	(void)state;
	set_control(ENABLE);
	set_message(3, 0xfee00000, 0x41);
	mask(3, false);
	wires.refuse_messages = true;
	set_message(3, 0xfee00000, 0x42);
	assert_int_equal(wires.irqfd_count, 0);
	wires.refuse_messages = false;
	mask(3, true);
	mask(3, false); /* the message is the same for the guest, not for KVM */
	assert_int_equal(wires_message_of(msix_fd(&fn, 3))->data, 0x42);
}

static void test_no_irqfd_left(void **state)
{
	(void)state;
	wires.irqfds_left = 1;
	set_control(ENABLE);
	for (unsigned i = 0; i < VECTORS; i++)
		mask(i, false);
	assert_int_equal(wires.irqfd_count, 1);
	ring(1);
	assert_int_equal(msix_read(&fn, PENDING, 8), 2);
}

static void test_vectors_that_are_not_there(void **state)
{
	struct pci_function none = {0};

	(void)state;
	assert_int_equal(msix_fd(&fn, VECTORS), -1);
	assert_int_equal(msix_fd(&fn, 0xffff), -1);
	assert_int_equal(msix_fd(&fn, UINT32_MAX), -1);
	assert_int_equal(msix_fd(&none, 0), -1);
	assert_false(msix_is_enabled(&none));
	msix_destroy(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_capability, create, destroy),
		cmocka_unit_test_setup_teardown(test_entry_after_reset, create, destroy),
		cmocka_unit_test_setup_teardown(test_access_rules, create, destroy),
		cmocka_unit_test_setup_teardown(test_armed_when_all_is_open, create, destroy),
		cmocka_unit_test_setup_teardown(test_message_changes_while_armed, create, destroy),
		cmocka_unit_test_setup_teardown(test_pending, create, destroy),
		cmocka_unit_test_setup_teardown(test_refused_message, create, destroy),
		cmocka_unit_test_setup_teardown(test_no_irqfd_left, create, destroy),
		cmocka_unit_test_setup_teardown(test_vectors_that_are_not_there, create, destroy),
	};

	return cmocka_run_group_tests_name("msix", tests, NULL, NULL);
}
