/* SPDX-License-Identifier: MIT
 *
 * ACPI 6.4: RSDP, XSDT, FADT, FACS and MADT, laid out behind each other and linked.
 *
 *     gpa   RSDP | FACS | DSDT | FADT | MADT | XSDT
 *
 * A kernel irqchip gives a classic board (PM1 registers, PM timer, SCI); a split one a hardware-
 * reduced board (sleep registers, generic event device). The DSDT is written by dsdt.c.
 */
#include "board/acpi.h"

#include <errno.h>
#include <string.h>

#include "dev/acpi_sleep.h"
#include "memory_map.h"
#include "ports.h"

#define CMOS_CENTURY 0x32 /* where a PC's RTC keeps it */

/* Where the next table goes; full once one did not fit. */
struct area {
	uint8_t *buf;
	size_t size_bytes, used_bytes;
	uint64_t gpa; /* of buf */
	bool full;
};

uint8_t acpi_sum(const void *bytes, size_t len_bytes)
{
	const uint8_t *byte = bytes;
	uint8_t sum = 0;

	while (len_bytes--)
		sum = (uint8_t)(sum + *byte++);
	return sum;
}

void acpi_fill_header(struct acpi_header *header, const char signature[4], uint8_t revision)
{
	*header = (struct acpi_header){.revision = revision, .oem_revision = 1};
	memcpy(header->signature, signature, 4);
	memcpy(header->oem_id, "VITRIN", 6);
	memcpy(header->oem_table_id, "VITRINE ", 8);
	memcpy(header->creator_id, "VTRN", 4);
	header->creator_revision = 1;
}

static void finish_table(struct acpi_header *header, size_t len_bytes)
{
	header->length = (uint32_t)len_bytes;
	header->checksum = 0;
	header->checksum = (uint8_t)-acpi_sum(header, len_bytes);
}

static uint64_t area_gpa(const struct area *area, const void *place)
{
	return area->gpa + (uint64_t)((const uint8_t *)place - area->buf);
}

/* Zeroed room, aligned as guest-physical address; NULL when there is none. */
static void *area_reserve(struct area *area, size_t len_bytes, unsigned align)
{
	uint64_t next = area->gpa + area->used_bytes;
	size_t start = area->used_bytes + (size_t)(-next & (align - 1));

	if (area->full || start > area->size_bytes || len_bytes > area->size_bytes - start) {
		area->full = true;
		return NULL;
	}
	area->used_bytes = start + len_bytes;
	return memset(area->buf + start, 0, len_bytes);
}

static struct acpi_address io_address(uint16_t port, uint8_t bit_width, uint8_t access_size)
{
	return (struct acpi_address){ACPI_SPACE_SYSTEM_IO, bit_width, 0, access_size, port};
}

/* §4.8.3: PM1 and PM timer of a classic board. SMI_CMD 0 means: already in ACPI mode. */
static void fill_pm_registers(struct acpi_fadt *fadt)
{
	fadt->sci_int = IRQ_ACPI_SCI;
	fadt->pm1a_evt_blk = PORT_ACPI_PM + ACPI_PM1_EVENT;
	fadt->pm1a_cnt_blk = PORT_ACPI_PM + ACPI_PM1_CONTROL;
	fadt->pm_tmr_blk = PORT_ACPI_PM + ACPI_PM_TIMER;
	fadt->pm1_evt_len = 4;
	fadt->pm1_cnt_len = 2;
	fadt->pm_tmr_len = 4;
	fadt->x_pm1a_evt_blk = io_address(PORT_ACPI_PM + ACPI_PM1_EVENT, 32, 2);
	fadt->x_pm1a_cnt_blk = io_address(PORT_ACPI_PM + ACPI_PM1_CONTROL, 16, 2);
	fadt->x_pm_tmr_blk = io_address(PORT_ACPI_PM + ACPI_PM_TIMER, 32, 3);
}

/* §4.8.3.7: all a hardware-reduced board has instead. */
static void fill_sleep_registers(struct acpi_fadt *fadt)
{
	fadt->sleep_control_reg = io_address(PORT_ACPI_RESET + ACPI_SLEEP_CONTROL, 8, 1);
	fadt->sleep_status_reg = io_address(PORT_ACPI_RESET + ACPI_SLEEP_STATUS, 8, 1);
}

/* Whether ACPI tells of the keyboard controller and the clock is the board table's decision. */
static uint16_t boot_architecture(const struct board *board)
{
	const struct board_device *i8042 = board_find(board, "i8042");
	const struct board_device *rtc = board_find(board, "rtc");

	return (uint16_t)(FADT_LEGACY_DEVICES | FADT_NO_VGA |
			  (i8042 && i8042->acpi_hid ? FADT_8042 : 0) |
			  (rtc && rtc->acpi_hid ? 0 : FADT_NO_CMOS_RTC));
}

static uint32_t fixed_features(const struct board *board)
{
	uint32_t flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC |
			 FADT_RESET_REG_SUP | FADT_HEADLESS;

	if (board->irqchip == BOARD_IRQCHIP_KERNEL)
		return flags | FADT_TMR_VAL_EXT; /* and PWR_BUTTON clear: a fixed button */
	return flags | FADT_PWR_BUTTON | FADT_HW_REDUCED_ACPI;
}

/* §5.2.9 */
static uint64_t add_fadt(struct area *area, const struct board *board, uint64_t facs_gpa,
			 uint64_t dsdt_gpa)
{
	struct acpi_fadt *fadt = area_reserve(area, sizeof *fadt, 16);

	if (!fadt)
		return 0;
	acpi_fill_header(&fadt->header, "FACP", 6);
	fadt->minor_version = 4;
	fadt->firmware_ctrl = (uint32_t)facs_gpa;
	fadt->dsdt = (uint32_t)dsdt_gpa;
	fadt->x_dsdt = dsdt_gpa;
	fadt->p_lvl2_lat = 0xfff; /* no C2, no C3 */
	fadt->p_lvl3_lat = 0xfff;
	fadt->century = board_find(board, "rtc") ? CMOS_CENTURY : 0;
	fadt->iapc_boot_arch = boot_architecture(board);
	fadt->flags = fixed_features(board);
	fadt->reset_reg = io_address(PORT_ACPI_RESET + ACPI_SLEEP_RESET, 8, 1);
	fadt->reset_value = ACPI_SLEEP_RESET_VALUE;
	memcpy(fadt->hypervisor_vendor, "Vitrine", 8);
	if (board->irqchip == BOARD_IRQCHIP_KERNEL)
		fill_pm_registers(fadt);
	else
		fill_sleep_registers(fadt);
	finish_table(&fadt->header, sizeof *fadt);
	return area_gpa(area, fadt);
}

/* §5.2.10: only the global lock matters here, and nobody else ever takes it. */
static uint64_t add_facs(struct area *area)
{
	struct acpi_facs *facs = area_reserve(area, sizeof *facs, 64);

	if (!facs)
		return 0;
	memcpy(facs->signature, "FACS", 4);
	facs->length = sizeof *facs;
	facs->version = 2;
	return area_gpa(area, facs);
}

static uint64_t add_dsdt(struct area *area, const struct board *board)
{
	struct acpi_header *dsdt = area_reserve(area, 0, 16);
	int len_bytes = dsdt ? acpi_build_dsdt(board, dsdt, area->size_bytes - area->used_bytes)
			     : -ENOSPC;

	if (len_bytes < 0) {
		area->full = true;
		return 0;
	}
	area->used_bytes += (size_t)len_bytes;
	finish_table(dsdt, (size_t)len_bytes);
	return area_gpa(area, dsdt);
}

/* §5.2.12.2, §5.2.12.12: APIC ids that need more than 8 bits have a structure of their own. */
static void add_processor(struct area *area, uint32_t apic_id)
{
	if (apic_id < 255) {
		struct madt_lapic *lapic = area_reserve(area, sizeof *lapic, 1);

		if (lapic)
			*lapic = (struct madt_lapic){MADT_LAPIC, sizeof *lapic, (uint8_t)apic_id,
						     (uint8_t)apic_id, MADT_LAPIC_ENABLED};
		return;
	}
	struct madt_x2apic *x2apic = area_reserve(area, sizeof *x2apic, 1);

	if (x2apic)
		*x2apic = (struct madt_x2apic){MADT_X2APIC, sizeof *x2apic,	0,
					       apic_id,	    MADT_LAPIC_ENABLED, apic_id};
}

/* §5.2.12.5: what does not follow the rule "ISA IRQ n is edge-triggered GSI n". */
static void add_override(struct area *area, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	struct madt_interrupt_override *override = area_reserve(area, sizeof *override, 1);

	if (override)
		*override = (struct madt_interrupt_override){
			MADT_INTERRUPT_OVERRIDE, sizeof *override, 0, irq, gsi, flags};
}

static void add_interrupt_controllers(struct area *area, const struct board *board)
{
	struct madt_ioapic *ioapic = area_reserve(area, sizeof *ioapic, 1);

	if (ioapic)
		*ioapic = (struct madt_ioapic){
			.type = MADT_IOAPIC, .length = sizeof *ioapic, .gpa = (uint32_t)GPA_IOAPIC};
	if (board->irqchip == BOARD_IRQCHIP_KERNEL) {
		add_override(area, 0, 2, INTI_BUS_DEFAULT); /* the PIT's wire */
		add_override(area, IRQ_ACPI_SCI, IRQ_ACPI_SCI, INTI_ACTIVE_HIGH | INTI_LEVEL);
	}
	struct madt_lapic_nmi *nmi = area_reserve(area, sizeof *nmi, 1);

	if (nmi)
		*nmi = (struct madt_lapic_nmi){MADT_LAPIC_NMI, sizeof *nmi, 0xff, INTI_BUS_DEFAULT,
					       1};
}

/* §5.2.12 */
static uint64_t add_madt(struct area *area, const struct board *board)
{
	struct acpi_madt *madt = area_reserve(area, sizeof *madt, 16);

	if (!madt)
		return 0;
	acpi_fill_header(&madt->header, "APIC", 5);
	madt->lapic_gpa = (uint32_t)GPA_LAPIC;
	madt->flags = board->irqchip == BOARD_IRQCHIP_KERNEL ? MADT_PCAT_COMPAT : 0;
	for (unsigned i = 0; i < board->cpu_count; i++)
		add_processor(area, i);
	add_interrupt_controllers(area, board);
	if (!area->full)
		finish_table(&madt->header,
			     (size_t)(area->buf + area->used_bytes - (uint8_t *)madt));
	return area_gpa(area, madt);
}

/* PCI Firmware 3.0 §4.1.2 */
static uint64_t add_mcfg(struct area *area)
{
	struct acpi_mcfg *mcfg = area_reserve(area, sizeof *mcfg, 16);

	if (!mcfg)
		return 0;
	acpi_fill_header(&mcfg->header, "MCFG", 1);
	mcfg->base = GPA_PCI_CONFIG;
	finish_table(&mcfg->header, sizeof *mcfg);
	return area_gpa(area, mcfg);
}

/* §5.2.8 */
static uint64_t add_xsdt(struct area *area, uint64_t fadt_gpa, uint64_t madt_gpa, uint64_t mcfg_gpa)
{
	const uint64_t entry[] = {fadt_gpa, madt_gpa, mcfg_gpa};
	size_t entry_bytes = mcfg_gpa ? sizeof entry : sizeof entry - sizeof *entry;
	struct acpi_header *xsdt = area_reserve(area, sizeof *xsdt + entry_bytes, 16);

	if (!xsdt)
		return 0;
	acpi_fill_header(xsdt, "XSDT", 1);
	memcpy(xsdt + 1, entry, entry_bytes);
	finish_table(xsdt, sizeof *xsdt + entry_bytes);
	return area_gpa(area, xsdt);
}

/* §5.2.5.3 */
static void fill_rsdp(struct acpi_rsdp *rsdp, uint64_t xsdt_gpa)
{
	*rsdp = (struct acpi_rsdp){.revision = 2, .length = sizeof *rsdp, .xsdt_gpa = xsdt_gpa};
	memcpy(rsdp->signature, "RSD PTR ", 8);
	memcpy(rsdp->oem_id, "VITRIN", 6);
	rsdp->checksum = (uint8_t)-acpi_sum(rsdp, 20);
	rsdp->extended_checksum = (uint8_t)-acpi_sum(rsdp, sizeof *rsdp);
}

int board_build_acpi(const struct board *board, uint64_t gpa, void *buf, size_t size_bytes)
{
	struct area area = {.buf = buf, .size_bytes = size_bytes, .gpa = gpa};
	bool classic = board->irqchip == BOARD_IRQCHIP_KERNEL;
	struct acpi_rsdp *rsdp = area_reserve(&area, sizeof *rsdp, 16);
	uint64_t facs_gpa = classic ? add_facs(&area) : 0;
	uint64_t dsdt_gpa = add_dsdt(&area, board);
	uint64_t fadt_gpa = add_fadt(&area, board, facs_gpa, dsdt_gpa);
	uint64_t madt_gpa = add_madt(&area, board);
	uint64_t mcfg_gpa = board_has_pci(board) ? add_mcfg(&area) : 0;
	uint64_t xsdt_gpa = add_xsdt(&area, fadt_gpa, madt_gpa, mcfg_gpa);

	if (area.full)
		return -ENOSPC;
	fill_rsdp(rsdp, xsdt_gpa);
	return (int)area.used_bytes;
}
