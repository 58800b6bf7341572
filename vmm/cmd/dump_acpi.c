/* SPDX-License-Identifier: MIT
 *
 * ACPI tables for people, and as files for iasl. Tables are found as a guest finds them: RSDP, XSDT
 * and its entries, and from the FADT the FACS and the DSDT.
 */
#include "cmd/dump.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "board/acpi.h"

/* The blob as guest-physical memory. */
struct image {
	const uint8_t *bytes;
	size_t len_bytes;
	uint64_t gpa;
};

typedef int table_fn(void *ctx, uint64_t gpa, const struct acpi_header *table);

static const void *at(const struct image *image, uint64_t gpa, size_t len_bytes)
{
	uint64_t offset = gpa - image->gpa;

	if (gpa < image->gpa || offset > image->len_bytes || len_bytes > image->len_bytes - offset)
		return NULL;
	return image->bytes + offset;
}

/* A table whose length, too, is inside the image. */
static const struct acpi_header *table_at(const struct image *image, uint64_t gpa)
{
	const struct acpi_header *table = at(image, gpa, 8); /* FACS: signature and length only */

	return table && at(image, gpa, table->length) ? table : NULL;
}

static int visit(const struct image *image, uint64_t gpa, table_fn *fn, void *ctx)
{
	const struct acpi_header *table = table_at(image, gpa);

	return table ? fn(ctx, gpa, table) : -EINVAL;
}

/* Calls fn for XSDT, its entries, FACS and DSDT; stops at the first error. */
static int for_each_table(const struct image *image, table_fn *fn, void *ctx)
{
	const struct acpi_rsdp *rsdp = at(image, image->gpa, sizeof *rsdp);
	const struct acpi_header *xsdt = rsdp ? table_at(image, rsdp->xsdt_gpa) : NULL;

	if (!xsdt || xsdt->length < sizeof *xsdt)
		return -EINVAL;
	int err = fn(ctx, rsdp->xsdt_gpa, xsdt);
	size_t count = (xsdt->length - sizeof *xsdt) / sizeof(uint64_t);

	for (size_t i = 0; i < count && !err; i++) {
		uint64_t gpa;

		memcpy(&gpa, (const uint8_t *)(xsdt + 1) + i * sizeof gpa, sizeof gpa);
		err = visit(image, gpa, fn, ctx);
		const struct acpi_fadt *fadt = at(image, gpa, sizeof *fadt);

		if (err || !fadt || memcmp(fadt->header.signature, "FACP", 4) != 0)
			continue;
		if (fadt->firmware_ctrl)
			err = visit(image, fadt->firmware_ctrl, fn, ctx);
		if (!err)
			err = visit(image, fadt->x_dsdt, fn, ctx);
	}
	return err;
}

static void print_register(FILE *out, const char *name, const struct acpi_address *address)
{
	if (address->address)
		fprintf(out, "        %-14s I/O 0x%llx, %u bits\n", name,
			(unsigned long long)address->address, address->bit_width);
}

static void print_fadt(FILE *out, const struct acpi_fadt *fadt)
{
	bool reduced = fadt->flags & FADT_HW_REDUCED_ACPI;

	fprintf(out, "        %s, flags 0x%08x, boot architecture 0x%04x\n",
		reduced ? "hardware-reduced" : "classic", fadt->flags, fadt->iapc_boot_arch);
	fprintf(out, "        DSDT           0x%llx\n", (unsigned long long)fadt->x_dsdt);
	if (fadt->firmware_ctrl)
		fprintf(out, "        FACS           0x%x\n", fadt->firmware_ctrl);
	if (!reduced)
		fprintf(out, "        SCI            GSI %u\n", fadt->sci_int);
	print_register(out, "PM1a event", &fadt->x_pm1a_evt_blk);
	print_register(out, "PM1a control", &fadt->x_pm1a_cnt_blk);
	print_register(out, "PM timer", &fadt->x_pm_tmr_blk);
	print_register(out, "sleep control", &fadt->sleep_control_reg);
	print_register(out, "sleep status", &fadt->sleep_status_reg);
	print_register(out, "reset", &fadt->reset_reg);
	fprintf(out, "        reset value    0x%x\n", fadt->reset_value);
	fprintf(out, "        power button   %s\n",
		fadt->flags & FADT_PWR_BUTTON ? "a device in the DSDT" : "fixed, in PM1");
	fprintf(out, "        i8042 keyboard %s\n",
		fadt->iapc_boot_arch & FADT_8042 ? "announced" : "not announced");
}

static void print_madt_entry(FILE *out, const uint8_t *entry)
{
	const struct madt_ioapic *ioapic = (const void *)entry;
	const struct madt_interrupt_override *override = (const void *)entry;
	const struct madt_lapic_nmi *nmi = (const void *)entry;

	switch (entry[0]) {
	case MADT_IOAPIC:
		fprintf(out, "        IOAPIC         id %u at 0x%x, GSIs from %u\n", ioapic->id,
			ioapic->gpa, ioapic->gsi_base);
		break;
	case MADT_INTERRUPT_OVERRIDE:
		fprintf(out, "        ISA IRQ %-6u GSI %u, %s\n", override->source, override->gsi,
			override->flags == INTI_BUS_DEFAULT ? "edge, active high"
							    : "level, active high");
		break;
	case MADT_LAPIC_NMI:
		fprintf(out, "        NMI            LINT%u of all processors\n", nmi->lint);
		break;
	default: fprintf(out, "        entry of type %u\n", entry[0]);
	}
}

static void print_madt(FILE *out, const struct acpi_madt *madt)
{
	const uint8_t *entry = (const uint8_t *)(madt + 1);
	const uint8_t *end = (const uint8_t *)madt + madt->header.length;
	unsigned processor_count = 0;

	fprintf(out, "        LAPIC          0x%x%s\n", madt->lapic_gpa,
		madt->flags & MADT_PCAT_COMPAT ? ", and two 8259s" : "");
	for (; end - entry >= 2 && entry[1] >= 2 && entry[1] <= end - entry; entry += entry[1]) {
		if (entry[0] == MADT_LAPIC || entry[0] == MADT_X2APIC)
			processor_count++;
		else
			print_madt_entry(out, entry);
	}
	fprintf(out, "        processors     %u, APIC ids 0–%u\n", processor_count,
		processor_count - 1);
}

static bool is(const struct acpi_header *table, const char *signature)
{
	return memcmp(table->signature, signature, 4) == 0;
}

static int print_table(void *ctx, uint64_t gpa, const struct acpi_header *table)
{
	FILE *out = ctx;
	bool has_checksum = !is(table, "FACS");
	bool good = !has_checksum || acpi_sum(table, table->length) == 0;

	fprintf(out, "%.4s  0x%05llx  %5u bytes  %s\n", table->signature, (unsigned long long)gpa,
		table->length,
		!has_checksum ? "has no checksum"
		: good	      ? "checksum ok"
			      : "CHECKSUM WRONG");
	if (is(table, "FACP") && table->length >= sizeof(struct acpi_fadt))
		print_fadt(out, (const void *)table);
	if (is(table, "APIC") && table->length >= sizeof(struct acpi_madt))
		print_madt(out, (const void *)table);
	if (is(table, "DSDT"))
		fprintf(out,
			"        AML            %zu bytes; -o DIR, then: iasl -d DIR/dsdt.aml\n",
			table->length - sizeof *table);
	return good ? 0 : -EINVAL;
}

int dump_acpi(FILE *out, const void *tables, size_t len_bytes, uint64_t gpa)
{
	const struct image image = {tables, len_bytes, gpa};
	const struct acpi_rsdp *rsdp = at(&image, gpa, sizeof *rsdp);

	if (!rsdp)
		return -EINVAL;
	bool good = acpi_sum(rsdp, 20) == 0 && acpi_sum(rsdp, sizeof *rsdp) == 0;

	fprintf(out, "RSDP  0x%05llx  %5u bytes  %s\n        XSDT           0x%llx\n",
		(unsigned long long)gpa, rsdp->length, good ? "checksum ok" : "CHECKSUM WRONG",
		(unsigned long long)rsdp->xsdt_gpa);
	int err = for_each_table(&image, print_table, out);

	return good ? err : -EINVAL;
}

static int write_file(const char *path, const void *bytes, size_t len_bytes)
{
	int err = 0;
	FILE *file = fopen(path, "wb");

	if (!file)
		return -errno;
	if (fwrite(bytes, 1, len_bytes, file) != len_bytes)
		err = -EIO;
	if (fclose(file) && !err)
		err = -errno;
	return err;
}

static int save_table(void *ctx, uint64_t gpa, const struct acpi_header *table)
{
	const char *directory = ctx;
	char name[5] = {0}, path[4096];

	(void)gpa;
	for (int i = 0; i < 4; i++)
		name[i] = (char)tolower((unsigned char)table->signature[i]);
	snprintf(path, sizeof path, "%s/%s.aml", directory, name);
	int err = write_file(path, table, table->length);

	if (err)
		fprintf(stderr, "vitrine dump: can't write %s: %s\n", path, strerror(-err));
	return err;
}

int dump_acpi_files(const char *path, const void *tables, size_t len_bytes, uint64_t gpa)
{
	const struct image image = {tables, len_bytes, gpa};

	if (mkdir(path, 0777) && errno != EEXIST) {
		int err = -errno;

		fprintf(stderr, "vitrine dump: can't make directory %s: %s\n", path,
			strerror(errno));
		return err;
	}
	return for_each_table(&image, save_table, (void *)path);
}
