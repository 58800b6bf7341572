/* SPDX-License-Identifier: MIT
 *
 * RSDP → RSDT or XSDT → MADT (§5.2.12) and FADT (§5.2.9) → \_S5 in the DSDT (§7.4.2), found by its
 * bytes. Each table's length is checked against the field that is read, its checksum is not.
 */
#include "guest/board/acpi.h"

#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/board/machine.h"
#include "guest/lib/string.h"
#include "guest/mm/paging.h"

#define HEADER_BYTES 36
#define TABLE_MAX_BYTES 0x100000
#define TABLE_COUNT_MAX 64

/* Field offsets in the FADT. */
enum {
	FADT_DSDT = 40,
	FADT_SCI = 46,
	FADT_SMI_PORT = 48,
	FADT_ACPI_ENABLE = 52,
	FADT_PM1A_EVENT = 56,
	FADT_PM1A_CONTROL = 64,
	FADT_FLAGS = 112,
	FADT_RESET_REGISTER = 116,
	FADT_RESET_VALUE = 128,
	FADT_X_DSDT = 140,
	FADT_SLEEP_CONTROL = 244
};
#define FADT_FLAG_RESET (1u << 10)
#define FADT_FLAG_HARDWARE_REDUCED (1u << 20)

struct table {
	const uint8_t *at;
	uint32_t bytes;
};

static uint64_t field(const struct table *table, uint32_t offset, unsigned bytes)
{
	uint64_t value = 0;

	if (offset + bytes > table->bytes)
		return 0;
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)table->at[offset + i] << (8 * i);
	return value;
}

static bool open_table(uint64_t gpa, struct table *table)
{
	uint32_t bytes;

	table->at = paging_direct(gpa, HEADER_BYTES);
	table->bytes = HEADER_BYTES;
	if (!table->at)
		return false;
	bytes = field(table, 4, 4);
	if (bytes < HEADER_BYTES || bytes > TABLE_MAX_BYTES || !paging_direct(gpa, bytes))
		return false;
	table->bytes = bytes;
	return true;
}

static bool find_table(const char signature[4], struct table *found)
{
	struct table rsdp = {paging_direct(machine.rsdp_gpa, HEADER_BYTES), HEADER_BYTES}, root;
	unsigned entry_bytes = 4;
	uint64_t gpa;

	if (!rsdp.at || memcmp(rsdp.at, "RSD PTR ", 8))
		return false;
	gpa = field(&rsdp, 16, 4);
	if (field(&rsdp, 15, 1) >= 2 && field(&rsdp, 24, 8)) {
		gpa = field(&rsdp, 24, 8);
		entry_bytes = 8;
	}
	if (!open_table(gpa, &root))
		return false;
	for (unsigned i = 0; i < TABLE_COUNT_MAX; i++) {
		gpa = field(&root, HEADER_BYTES + i * entry_bytes, entry_bytes);
		if (!gpa)
			return false;
		if (open_table(gpa, found) && !memcmp(found->at, signature, 4))
			return true;
	}
	return false;
}

/* Generic Address Structure, §5.2.3.2. */
static struct acpi_register gas(const struct table *table, uint32_t offset)
{
	return (struct acpi_register){.gpa_or_port = field(table, offset + 4, 8),
				      .is_port = field(table, offset, 1) == 1};
}

/* Name(\_S5, Package { SLP_TYPa, … }): 08 "_S5_" 12 length count, then 0A xx, or 00 or 01. */
static bool find_s5(const struct table *dsdt, uint8_t *type)
{
	for (uint32_t i = HEADER_BYTES; i + 10 < dsdt->bytes; i++) {
		const uint8_t *at = dsdt->at + i;

		if (*at != '_' || memcmp(at, "_S5_\x12", 5))
			continue;
		at += 5 + (at[5] >> 6) + 1; /* package length, then at is the element count */
		if (at + 2 >= dsdt->at + dsdt->bytes)
			return false;
		*type = at[1] == 0x0a ? at[2] : at[1];
		return true;
	}
	return false;
}

bool acpi_read_power(struct acpi_power *power)
{
	struct table fadt;
	uint32_t flags;

	*power = (struct acpi_power){0};
	if (!find_table("FACP", &fadt))
		return false;
	flags = field(&fadt, FADT_FLAGS, 4);
	power->hardware_reduced = flags & FADT_FLAG_HARDWARE_REDUCED;
	power->sci_irq = field(&fadt, FADT_SCI, 2);
	power->smi_port = field(&fadt, FADT_SMI_PORT, 4);
	power->smi_enable = field(&fadt, FADT_ACPI_ENABLE, 1);
	if (!power->hardware_reduced) {
		power->pm1_event.gpa_or_port = field(&fadt, FADT_PM1A_EVENT, 4);
		power->pm1_control.gpa_or_port = field(&fadt, FADT_PM1A_CONTROL, 4);
		power->pm1_event.is_port = power->pm1_control.is_port = true;
	}
	power->sleep_control = gas(&fadt, FADT_SLEEP_CONTROL);
	if (flags & FADT_FLAG_RESET) {
		power->reset = gas(&fadt, FADT_RESET_REGISTER);
		power->reset_value = field(&fadt, FADT_RESET_VALUE, 1);
	}
	return true;
}

bool acpi_read_s5(uint8_t *type)
{
	struct table fadt, dsdt;

	if (!find_table("FACP", &fadt))
		return false;
	if (!open_table(field(&fadt, FADT_X_DSDT, 8), &dsdt) &&
	    !open_table(field(&fadt, FADT_DSDT, 4), &dsdt))
		return false;
	return find_s5(&dsdt, type);
}

void acpi_register_write(const struct acpi_register *at, unsigned bytes, uint16_t value)
{
	volatile uint8_t *memory;

	if (at->is_port && bytes == 2)
		io_write16(at->gpa_or_port, value);
	else if (at->is_port)
		io_write8(at->gpa_or_port, value);
	else if ((memory = paging_direct(at->gpa_or_port, bytes)))
		*memory = value; /* registers in memory are one byte wide, §4.8.3.7 */
}

static void add_cpu(uint64_t apic_id, uint64_t flags)
{
	if ((flags & 1) && apic_id < 255 && machine.cpu_count < CPU_MAX)
		machine.apic_id[machine.cpu_count++] = apic_id;
}

static void read_madt(const struct table *madt)
{
	enum { LAPIC = 0, IOAPIC = 1, X2APIC = 9 };
	uint32_t at = HEADER_BYTES + 8;

	while (at + 2 <= madt->bytes) {
		const uint32_t bytes = field(madt, at + 1, 1);

		switch (field(madt, at, 1)) {
		case LAPIC: add_cpu(field(madt, at + 3, 1), field(madt, at + 4, 4)); break;
		case X2APIC: add_cpu(field(madt, at + 4, 4), field(madt, at + 8, 4)); break;
		case IOAPIC:
			if (field(madt, at + 8, 4) == 0) /* the one with GSI 0 */
				machine.ioapic_gpa = field(madt, at + 4, 4);
			break;
		}
		if (bytes < 2)
			return;
		at += bytes;
	}
}

void acpi_read_machine(void)
{
	struct acpi_power power;
	struct table madt;

	if (find_table("APIC", &madt))
		read_madt(&madt);
	if (!acpi_read_power(&power) || power.hardware_reduced)
		return;
	machine.pm_port = power.pm1_event.gpa_or_port;
	machine.pm_control_port = power.pm1_control.gpa_or_port;
	machine.power_irq = power.sci_irq;
	if (power.smi_port && !(io_read16(machine.pm_control_port) & 1))
		io_write8(power.smi_port, power.smi_enable);
}
