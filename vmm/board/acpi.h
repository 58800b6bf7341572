/* SPDX-License-Identifier: MIT
 *
 * ACPI tables as they lie in memory (ACPI 6.4 chapter 5), for those who write them and those who
 * print them. Field names follow the specification; only values that this board uses are named.
 */
#ifndef VITRINE_BOARD_ACPI_H
#define VITRINE_BOARD_ACPI_H

#include <stddef.h>
#include <stdint.h>

#include "board/board.h"

#define ACPI_PACKED __attribute__((packed))

/* §5.2.5.3, revision 2 */
struct acpi_rsdp {
	char signature[8]; /* "RSD PTR " */
	uint8_t checksum;  /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt_gpa;
	uint32_t length;
	uint64_t xsdt_gpa;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} ACPI_PACKED;

/* §5.2.6: how every table but RSDP and FACS begins */
struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum; /* all bytes sum up to 0 */
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} ACPI_PACKED;

/* §5.2.3.2: generic address */
struct acpi_address {
	uint8_t space;
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size; /* 1 byte, 2 word, 3 double word */
	uint64_t address;
} ACPI_PACKED;

#define ACPI_SPACE_SYSTEM_IO 1

/* §5.2.9, revision 6 */
struct acpi_fadt {
	struct acpi_header header;
	uint32_t firmware_ctrl;
	uint32_t dsdt;
	uint8_t reserved0;
	uint8_t preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	uint32_t pm1a_evt_blk, pm1b_evt_blk, pm1a_cnt_blk, pm1b_cnt_blk, pm2_cnt_blk, pm_tmr_blk;
	uint32_t gpe0_blk, gpe1_blk;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_blk_len, gpe1_blk_len;
	uint8_t gpe1_base, cst_cnt;
	uint16_t p_lvl2_lat, p_lvl3_lat;
	uint16_t flush_size, flush_stride;
	uint8_t duty_offset, duty_width;
	uint8_t day_alrm, mon_alrm, century;
	uint16_t iapc_boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_address reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t x_firmware_ctrl, x_dsdt;
	struct acpi_address x_pm1a_evt_blk, x_pm1b_evt_blk, x_pm1a_cnt_blk, x_pm1b_cnt_blk;
	struct acpi_address x_pm2_cnt_blk, x_pm_tmr_blk, x_gpe0_blk, x_gpe1_blk;
	struct acpi_address sleep_control_reg, sleep_status_reg;
	char hypervisor_vendor[8];
} ACPI_PACKED;

_Static_assert(sizeof(struct acpi_rsdp) == 36, "RSDP");
_Static_assert(sizeof(struct acpi_header) == 36, "table header");
_Static_assert(sizeof(struct acpi_address) == 12, "generic address");
_Static_assert(offsetof(struct acpi_fadt, flags) == 112, "FADT flags");
_Static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "FADT X_DSDT");
_Static_assert(offsetof(struct acpi_fadt, sleep_control_reg) == 244, "FADT sleep control");
_Static_assert(sizeof(struct acpi_fadt) == 276, "FADT");

/* FADT Fixed Feature Flags, table 5.10 */
enum {
	FADT_WBINVD = 1u << 0,
	FADT_PROC_C1 = 1u << 2,
	FADT_PWR_BUTTON = 1u << 4, /* clear: there is a fixed power button */
	FADT_SLP_BUTTON = 1u << 5, /* clear: there is a fixed sleep button */
	FADT_FIX_RTC = 1u << 6,	   /* set: the RTC wakes nobody through PM1 */
	FADT_TMR_VAL_EXT = 1u << 8,
	FADT_RESET_REG_SUP = 1u << 10,
	FADT_HEADLESS = 1u << 12,
	FADT_HW_REDUCED_ACPI = 1u << 20
};

/* FADT IA-PC Boot Architecture Flags, table 5.11 */
enum {
	FADT_LEGACY_DEVICES = 1u << 0,
	FADT_8042 = 1u << 1,
	FADT_NO_VGA = 1u << 2,
	FADT_NO_MSI = 1u << 3,
	FADT_NO_ASPM = 1u << 4,
	FADT_NO_CMOS_RTC = 1u << 5
};

/* §5.2.10 */
struct acpi_facs {
	char signature[4];
	uint32_t length;
	uint32_t hardware_signature;
	uint32_t firmware_waking_vector;
	uint32_t global_lock;
	uint32_t flags;
	uint64_t x_firmware_waking_vector;
	uint8_t version;
	uint8_t reserved[31];
} ACPI_PACKED;

_Static_assert(sizeof(struct acpi_facs) == 64, "FACS");

/* §5.2.12 and its interrupt controller structures */
struct acpi_madt {
	struct acpi_header header;
	uint32_t lapic_gpa;
	uint32_t flags; /* MADT_PCAT_COMPAT */
} ACPI_PACKED;

#define MADT_PCAT_COMPAT 1u /* there are two 8259s, too */
#define MADT_LAPIC_ENABLED 1u

enum madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_INTERRUPT_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10
};

/* MPS INTI flags, table 5.26 (and Intel MP 1.4 table 4-10) */
enum { INTI_BUS_DEFAULT = 0, INTI_ACTIVE_HIGH = 1, INTI_EDGE = 1 << 2, INTI_LEVEL = 3 << 2 };

struct madt_lapic {
	uint8_t type, length;
	uint8_t processor_uid, apic_id;
	uint32_t flags;
} ACPI_PACKED;

struct madt_ioapic {
	uint8_t type, length;
	uint8_t id, reserved;
	uint32_t gpa;
	uint32_t gsi_base;
} ACPI_PACKED;

struct madt_interrupt_override {
	uint8_t type, length;
	uint8_t bus, source;
	uint32_t gsi;
	uint16_t flags;
} ACPI_PACKED;

struct madt_lapic_nmi {
	uint8_t type, length;
	uint8_t processor_uid; /* 0xff: all */
	uint16_t flags;
	uint8_t lint;
} ACPI_PACKED;

struct madt_x2apic {
	uint8_t type, length;
	uint16_t reserved;
	uint32_t apic_id;
	uint32_t flags;
	uint32_t processor_uid;
} ACPI_PACKED;

/* PCI Firmware 3.0 §4.1.2: where MMCONFIG is */
struct acpi_mcfg {
	struct acpi_header header;
	uint64_t reserved0;
	uint64_t base; /* of bus 0 */
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved1;
} ACPI_PACKED;

_Static_assert(sizeof(struct acpi_mcfg) == 60, "MCFG");
_Static_assert(sizeof(struct acpi_madt) == 44, "MADT");
_Static_assert(sizeof(struct madt_lapic) == 8, "LAPIC");
_Static_assert(sizeof(struct madt_ioapic) == 12, "IOAPIC");
_Static_assert(sizeof(struct madt_interrupt_override) == 10, "override");
_Static_assert(sizeof(struct madt_lapic_nmi) == 6, "LAPIC NMI");
_Static_assert(sizeof(struct madt_x2apic) == 16, "x2APIC");

/* Where the blocks of acpi-pm begin; the registers of acpi-sleep stand in dev/acpi_sleep.h. */
enum { ACPI_PM1_EVENT = 0, ACPI_PM1_CONTROL = 4, ACPI_PM_TIMER = 8 };

/* Sum of all bytes: 0 for a table with a right checksum. */
uint8_t acpi_sum(const void *bytes, size_t len_bytes);

/* The DSDT with its header (length and checksum are filled in later), or -ENOSPC. */
int acpi_build_dsdt(const struct board *board, void *buf, size_t size_bytes);

struct aml;
/* The devices of board->plugin into \_SB. */
void acpi_add_plugins(struct aml *aml, const struct board *board);

/* An edge-triggered interrupt into a resource template; none for BOARD_NO_IRQ. */
void acpi_add_interrupt(struct aml *aml, const struct board *board, int irq);

/* Fills in what all our tables have in common, but for length and checksum. */
void acpi_fill_header(struct acpi_header *header, const char signature[4], uint8_t revision);

#endif
