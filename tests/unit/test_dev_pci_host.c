/* SPDX-License-Identifier: MIT
 *
 * The PCI host bridge: the probing that kernels do, and accesses that make no sense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dev/pci_host.h"

static struct device *host;

static int create(void **state)
{
	const struct device_setup setup = {0};

	(void)state;
	return device_create(&pci_host_ops, "pci-host", &setup, &host);
}

static int destroy(void **state)
{
	(void)state;
	device_destroy(host);
	return 0;
}

static uint64_t config(uint32_t address, unsigned offset, unsigned width)
{
	pci_host_ops.write(host, PCI_HOST_ADDRESS, 0, 4, address);
	return pci_host_ops.read(host, PCI_HOST_DATA, offset, width) &
	       (width == 4 ? 0xffffffff : (1u << width * 8) - 1);
}

static void test_mechanism_is_found(void **state)
{
	(void)state;
	pci_host_ops.write(host, PCI_HOST_ADDRESS, 3, 1, 1);
	pci_host_ops.write(host, PCI_HOST_ADDRESS, 0, 4, 0x80000000);
	assert_int_equal(pci_host_ops.read(host, PCI_HOST_ADDRESS, 0, 4), 0x80000000);
	pci_host_ops.write(host, PCI_HOST_ADDRESS, 0, 2, 0x1234);
	pci_host_ops.write(host, PCI_HOST_ADDRESS, 1, 1, 0xff);
	assert_int_equal(pci_host_ops.read(host, PCI_HOST_ADDRESS, 0, 4), 0x80000000);
	pci_host_ops.write(host, PCI_HOST_ADDRESS, 0, 4, 0xffffffff);
	assert_int_equal(pci_host_ops.read(host, PCI_HOST_ADDRESS, 0, 4), 0x80fffffc);
}

static void test_bridge_and_nothing_else(void **state)
{
	static const struct {
		uint32_t address;
		unsigned offset, width;
		uint32_t value;
	} rows[] = {
		{0x80000000, 0, 4, 0x00081b36}, {0x80000000, 2, 2, 0x0008},
		{0x80000008, 2, 2, 0x0600},	{0x80000008, 3, 1, 0x06},
		{0x8000000c, 2, 1, 0},		{0x80000010, 0, 4, 0},
		{0x800000fc, 3, 1, 0},		{0x00000000, 0, 4, 0xffffffff},
		{0x80000100, 0, 2, 0xffff},	{0x80000800, 0, 4, 0xffffffff},
		{0x80010000, 0, 4, 0xffffffff}, {0x80fffffc, 3, 1, 0xff},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(config(rows[i].address, rows[i].offset, rows[i].width),
				 rows[i].value);
}

static void test_configuration_is_read_only(void **state)
{
	(void)state;
	pci_host_ops.write(host, PCI_HOST_ADDRESS, 0, 4, 0x80000010);
	pci_host_ops.write(host, PCI_HOST_DATA, 0, 4, 0xffffffff);
	assert_int_equal(config(0x80000010, 0, 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mechanism_is_found, create, destroy),
		cmocka_unit_test_setup_teardown(test_bridge_and_nothing_else, create, destroy),
		cmocka_unit_test_setup_teardown(test_configuration_is_read_only, create, destroy),
	};

	return cmocka_run_group_tests_name("dev_pci_host", tests, NULL, NULL);
}
