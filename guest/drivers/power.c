/* SPDX-License-Identifier: MIT
 *
 * ACPI fixed hardware (ACPI 6.4 §4.8.3) and sleep registers (§4.8.3.7), the ports of QEMU's
 * isa-debug-exit and pvpanic, and the oldest ways to reset a PC.
 */
#include "guest/drivers/power.h"

#include "abi/ports.h"
#include "guest/arch/cpu.h"
#include "guest/arch/insn.h"
#include "guest/arch/ioapic.h"
#include "guest/board/acpi.h"
#include "guest/board/machine.h"
#include "guest/hyper/hypercall.h"
#include "guest/lib/print.h"

#define OFF_SPINS 10000000
#define PM1_ENABLE_OFFSET 2
#define PM1_POWER_BUTTON (1u << 8)
#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_EN (1u << 13)
#define SLEEP_CONTROL_OFFSET 1
#define SLEEP_SLP_TYP_SHIFT 2
#define SLEEP_SLP_EN 0x20
#define GED_OFFSET 4
#define GED_POWER_BUTTON 1
#define VITRINE_S5 5 /* SLP_TYP of S5 on Vitrine's board */
#define PORT_RESET_CONTROL 0xcf9
#define RESET_HARD 0x06
#define I8042_PULSE_RESET 0xfe

static void on_power_event(unsigned vector)
{
	uint16_t status = 0;

	(void)vector;
	if (machine.pm_port) {
		status = io_read16(machine.pm_port) & PM1_POWER_BUTTON;
		io_write16(machine.pm_port, status); /* write one to clear */
	}
	if (!status && machine.sleep_port)
		status = io_read32(machine.sleep_port + GED_OFFSET) & GED_POWER_BUTTON;
	if (!status)
		return;
	print("\npower button: switching off\n");
	power_off();
}

void power_init(void)
{
	if (!machine.power_irq)
		return;
	ioapic_route(machine.power_irq, true, on_power_event);
	if (machine.pm_port)
		io_write16(machine.pm_port + PM1_ENABLE_OFFSET, PM1_POWER_BUTTON);
}

static void off_by_device_tree(void)
{
	if (machine.pm_control_port)
		io_write16(machine.pm_control_port, VITRINE_S5 << PM1_SLP_TYP_SHIFT | PM1_SLP_EN);
	if (machine.sleep_port)
		io_write8(machine.sleep_port + SLEEP_CONTROL_OFFSET,
			  VITRINE_S5 << SLEEP_SLP_TYP_SHIFT | SLEEP_SLP_EN);
}

static void off_by_acpi(void)
{
	struct acpi_power power;
	uint8_t s5;

	if (!acpi_read_power(&power) || !acpi_read_s5(&s5))
		return;
	if (power.pm1_control.gpa_or_port)
		acpi_register_write(&power.pm1_control, 2, s5 << PM1_SLP_TYP_SHIFT | PM1_SLP_EN);
	if (power.sleep_control.gpa_or_port)
		acpi_register_write(&power.sleep_control, 1,
				    s5 << SLEEP_SLP_TYP_SHIFT | SLEEP_SLP_EN);
}

void power_off(void)
{
	irq_disable();
	if (machine.fdt)
		off_by_device_tree();
	else
		off_by_acpi();
	hypercall(HYPERCALL_POWEROFF, 0, 0);
	for (unsigned i = 0; i < OFF_SPINS; i++)
		cpu_relax(); /* QEMU lets the processor go on for a moment */
	if (machine.debug_exit_port)
		io_write32(machine.debug_exit_port, 0);
	print("no way to switch off was found; halting\n");
	cpu_halt();
}

void power_reboot(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) no_idt = {0, 0};
	struct acpi_power power;

	irq_disable();
	if (machine.sleep_port)
		io_write8(machine.sleep_port, 1);
	else if (acpi_read_power(&power) && power.reset.gpa_or_port)
		acpi_register_write(&power.reset, 1, power.reset_value);
	io_write8(PORT_RESET_CONTROL, RESET_HARD);
	io_write8(PORT_I8042_STATUS, I8042_PULSE_RESET);
	asm volatile("lidt %0; ud2" : : "m"(no_idt)); /* triple fault */
	cpu_halt();
}

void power_exit(uint32_t status)
{
	irq_disable();
	if (hypercall_features() & HYPERCALL_FEATURE_EXIT)
		hypercall(HYPERCALL_EXIT, status, 0);
	if (machine.debug_exit_port)
		io_write32(machine.debug_exit_port, status);
	print("exit status %u, and no debug-exit device to pass it on\n", status);
	power_off();
}

void power_report_panic(void)
{
	hypercall(HYPERCALL_PANIC, 0, 0);
	if (machine.pvpanic_port)
		io_write8(machine.pvpanic_port, PVPANIC_PANICKED);
	if (machine.debug_exit_port)
		io_write32(machine.debug_exit_port, 127);
}
