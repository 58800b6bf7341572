/* SPDX-License-Identifier: MIT
 *
 * The devices that end a VM: ACPI PM, sleep and reset registers, debug exit, pvpanic.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "board/board.h"
#include "dev/acpi_pm.h"
#include "dev/acpi_sleep.h"
#include "dev/debug_exit.h"
#include "dev/pvpanic.h"
#include "dev_fake.h"

enum { STS = 0, EN = 2, CNT = 4, TMR = 8 };

struct fixture {
	struct vm_control control;
	struct fake_line line;
	struct board board;
};

static struct device *create(struct fixture *f, const struct device_ops *ops)
{
	struct device_setup setup = {.loop = fake_loop(),
				     .control = &f->control,
				     .board = &f->board,
				     .irq = fake_irq(&f->line)};
	struct device *dev = NULL;

	assert_int_equal(device_create(ops, "test", &setup, &dev), 0);
	return dev;
}

/* What one write of a row makes of the VM. */
struct end_case {
	uint64_t offset;
	unsigned width;
	uint64_t value;
	enum vm_end end;
	uint32_t end_value;
};

static void check_ends(const struct device_ops *ops, const struct end_case *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct fixture f = {0};
		struct device *dev = create(&f, ops);
		uint32_t value = 0;

		dev_write_wide(dev, 0, table[i].offset, table[i].width, table[i].value);
		assert_int_equal(vm_control_pending(&f.control, &value), table[i].end);
		assert_int_equal(value, table[i].end_value);
		device_destroy(dev);
	}
}

#define CHECK_ENDS(ops, table) check_ends(ops, table, sizeof(table) / sizeof(*(table)))

static void test_pm_ends(void **state)
{
	static const struct end_case table[] = {
		{CNT, 2, 0x3400, VM_END_POWEROFF, 0},
		{CNT + 1, 1, 0x34, VM_END_POWEROFF, 0},
		{CNT, 4, 0x3401, VM_END_POWEROFF, 0},
		{EN, 4, 0x34000000, VM_END_POWEROFF, 0},
		{STS, 8, 0x340000000000, VM_END_POWEROFF, 0},
		{CNT, 2, 0x1400, VM_END_NONE, 0}, /* type without SLP_EN */
		{CNT, 2, 0x2000, VM_END_NONE, 0}, /* type 0 */
		{CNT, 2, 0x3c00, VM_END_NONE, 0}, /* type 7 */
		{CNT, 1, 0x34, VM_END_NONE, 0},
		{TMR, 4, 0x34003400, VM_END_NONE, 0},
		{STS, 2, 0x3400, VM_END_NONE, 0},
	};

	(void)state;
	CHECK_ENDS(&acpi_pm_ops, table);
}

static void test_sleep_ends(void **state)
{
	static const struct end_case table[] = {
		{0, 1, 1, VM_END_RESET, 0},	    {0, 1, 0, VM_END_NONE, 0},
		{0, 1, 0x0f, VM_END_NONE, 0},	    {1, 1, 0x34, VM_END_POWEROFF, 0},
		{0, 2, 0x3400, VM_END_POWEROFF, 0}, {1, 1, 0x14, VM_END_NONE, 0},
		{1, 1, 0x20, VM_END_NONE, 0},	    {2, 1, 0xff, VM_END_NONE, 0},
		{4, 4, 0x34343401, VM_END_NONE, 0},
	};

	(void)state;
	CHECK_ENDS(&acpi_sleep_ops, table);
}

static void test_debug_exit_ends(void **state)
{
	static const struct end_case table[] = {
		{0, 1, 42, VM_END_DEBUG_EXIT, 42},
		{0, 1, 0, VM_END_DEBUG_EXIT, 0},
		{0, 2, 0x1234, VM_END_DEBUG_EXIT, 0x1234},
		{0, 4, 0xffffffff, VM_END_DEBUG_EXIT, 0xffffffff},
		{1, 1, 42, VM_END_NONE, 0},
		{0, 8, 1, VM_END_NONE, 0},
	};

	(void)state;
	CHECK_ENDS(&debug_exit_ops, table);
}

static void test_pvpanic_ends(void **state)
{
	static const struct end_case table[] = {
		{0, 1, 1, VM_END_PANIC, 0}, {0, 1, 2, VM_END_NONE, 0},	{0, 1, 3, VM_END_PANIC, 0},
		{0, 1, 0, VM_END_NONE, 0},  {0, 4, 1, VM_END_PANIC, 0},
	};
	struct fixture f = {0};
	struct device *dev = create(&f, &pvpanic_ops);

	(void)state;
	CHECK_ENDS(&pvpanic_ops, table);
	assert_int_equal(dev_read(dev, 0), 3);
	device_destroy(dev);
}

static void test_control_is_needed(void **state)
{
	static const struct device_ops *const ops[] = {&acpi_pm_ops, &acpi_sleep_ops,
						       &debug_exit_ops, &pvpanic_ops};
	struct device_setup none = {0};
	struct device *dev;

	(void)state;
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		assert_int_equal(device_create(ops[i], "test", &none, &dev), -EINVAL);
}

static void test_pm_registers(void **state)
{
	struct fixture f = {0};
	struct device *dev = create(&f, &acpi_pm_ops);

	(void)state;
	assert_int_equal(dev_read_wide(dev, 0, CNT, 2), 0x0001); /* SCI_EN, always */
	dev_write_wide(dev, 0, CNT, 2, 0xffff & ~0x2000);
	assert_int_equal(dev_read_wide(dev, 0, CNT, 2), 0x1c03);
	dev_write_wide(dev, 0, CNT, 2, 0);
	assert_int_equal(dev_read_wide(dev, 0, CNT, 2), 0x0001);
	dev_write_wide(dev, 0, EN, 2, 0xffff);
	assert_int_equal(dev_read_wide(dev, 0, EN, 2), 0x0721);
	dev_write_wide(dev, 0, EN + 1, 1, 0x01); /* the other byte stays */
	assert_int_equal(dev_read_wide(dev, 0, EN, 2), 0x0121);
	assert_int_equal(dev_read_wide(dev, 0, STS, 4), 0x01210000);
	assert_int_equal(dev_read_wide(dev, 0, 6, 2), 0);
	assert_int_equal(dev_read_wide(dev, 0, 12, 4), 0);
	device_destroy(dev);
}

static void test_pm_power_button(void **state)
{
	struct fixture f = {0};
	struct device *dev = create(&f, &acpi_pm_ops);

	(void)state;
	dev->ops->power_button(dev);
	assert_false(f.line.level);
	assert_int_equal(dev_read_wide(dev, 0, STS, 2), 0x0100);
	dev_write_wide(dev, 0, EN, 2, 0x0100);
	assert_true(f.line.level);
	dev_write_wide(dev, 0, STS, 2, 0x0020); /* clears another bit */
	assert_true(f.line.level);
	dev_write_wide(dev, 0, STS, 1, 0xff); /* the other byte */
	assert_true(f.line.level);
	dev_write_wide(dev, 0, STS, 2, 0x0100);
	assert_false(f.line.level);
	assert_int_equal(dev_read_wide(dev, 0, STS, 2), 0);
	dev->ops->power_button(dev);
	assert_true(f.line.level);
	dev_write_wide(dev, 0, EN, 2, 0);
	assert_false(f.line.level);
	device_destroy(dev);
}

static void test_pm_timer(void **state)
{
	struct fixture f = {0};
	struct device *dev = create(&f, &acpi_pm_ops);

	(void)state;
	assert_int_equal(dev_read_wide(dev, 0, TMR, 4), 0);
	fake_time_pass(NS_PER_SECOND);
	assert_int_equal(dev_read_wide(dev, 0, TMR, 4), 3579545);
	assert_int_equal(dev_read_wide(dev, 0, TMR + 1, 1), 3579545 >> 8 & 0xff);
	fake_time_pass(1199 * NS_PER_SECOND); /* once around: 2^32 is 1199.86 s */
	assert_int_equal(dev_read_wide(dev, 0, TMR, 4), (uint32_t)(1200ULL * 3579545));
	fake_time_pass(86400LL * 366 * 20 * NS_PER_SECOND);
	assert_int_equal(dev_read_wide(dev, 0, TMR, 4),
			 (uint32_t)((86400ULL * 366 * 20 + 1200) * 3579545));
	device_destroy(dev);
}

static void test_pm_timer_carry(void **state)
{
	struct fixture f = {0};
	struct device *dev = create(&f, &acpi_pm_ops);

	(void)state;
	fake_timer_fired = 0;
	fake_time_pass(599 * NS_PER_SECOND); /* bit 31 changes after 599.93 s */
	assert_int_equal(dev_read_wide(dev, 0, STS, 2), 0);
	fake_time_pass(NS_PER_SECOND);
	assert_int_equal(dev_read_wide(dev, 0, STS, 2), 1);
	dev_write_wide(dev, 0, STS, 2, 1);
	assert_int_equal(dev_read_wide(dev, 0, STS, 2), 0);
	assert_int_equal(fake_timer_fired, 0);
	dev_write_wide(dev, 0, EN, 2, 1);
	fake_time_pass(599 * NS_PER_SECOND);
	assert_false(f.line.level);
	fake_time_pass(NS_PER_SECOND);
	assert_true(f.line.level);
	fake_time_pass(6000 * NS_PER_SECOND); /* not served: nothing more fires */
	assert_int_equal(fake_timer_fired, 1);
	dev_write_wide(dev, 0, STS, 2, 1);
	assert_false(f.line.level);
	fake_time_pass(600 * NS_PER_SECOND);
	assert_true(f.line.level);
	device_destroy(dev);
}

static void test_ged(void **state)
{
	struct fixture f = {.board.irqchip = BOARD_IRQCHIP_SPLIT};
	struct device *dev = create(&f, &acpi_sleep_ops);

	(void)state;
	assert_int_equal(dev_read_wide(dev, 0, 4, 4), 0);
	dev->ops->power_button(dev);
	dev->ops->power_button(dev);
	assert_true(f.line.level);
	assert_int_equal(f.line.calls, 1);
	assert_int_equal(dev_read_wide(dev, 0, 0, 4), 0); /* the others don't take it */
	assert_true(f.line.level);
	assert_int_equal(dev_read_wide(dev, 0, 4, 4), 1);
	assert_false(f.line.level);
	assert_int_equal(dev_read_wide(dev, 0, 4, 1), 0);
	device_destroy(dev);

	struct fixture kernel = {.board.irqchip = BOARD_IRQCHIP_KERNEL};

	dev = create(&kernel, &acpi_sleep_ops);
	dev->ops->power_button(dev);
	assert_int_equal(kernel.line.calls, 0);
	assert_int_equal(dev_read_wide(dev, 0, 4, 4), 0);
	device_destroy(dev);
}

static void test_sleep_registers(void **state)
{
	struct fixture f = {0};
	struct device *dev = create(&f, &acpi_sleep_ops);

	(void)state;
	dev_write(dev, 1, 0xff); /* type 7: no such state */
	assert_int_equal(dev_read(dev, 1), 0x1c);
	assert_int_equal(vm_control_pending(&f.control, NULL), VM_END_NONE);
	assert_int_equal(dev_read(dev, 2), 0);
	device_destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pm_ends),		  cmocka_unit_test(test_sleep_ends),
		cmocka_unit_test(test_debug_exit_ends),	  cmocka_unit_test(test_pvpanic_ends),
		cmocka_unit_test(test_control_is_needed), cmocka_unit_test(test_pm_registers),
		cmocka_unit_test(test_pm_power_button),	  cmocka_unit_test(test_pm_timer),
		cmocka_unit_test(test_pm_timer_carry),	  cmocka_unit_test(test_ged),
		cmocka_unit_test(test_sleep_registers),
	};

	return cmocka_run_group_tests_name("power", tests, NULL, NULL);
}
