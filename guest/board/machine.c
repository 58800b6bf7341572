/* SPDX-License-Identifier: MIT
 *
 * Start info (Xen's public "PVH start info", abi/pvh.h) to struct machine, and the command line.
 */
#include "guest/board/machine.h"

#include "abi/elf_note.h"
#include "abi/ports.h"
#include "abi/pvh.h"
#include "guest/board/acpi.h"
#include "guest/board/fdt.h"
#include "guest/lib/string.h"
#include "guest/mm/paging.h"

#define RAM_TYPE 1
#define MEMMAP_MAX 128
#define MODULE_MAX 16
#define IOAPIC_DEFAULT 0xfec00000

struct machine machine;

static void add_taken(uint64_t start, uint64_t bytes)
{
	if (!bytes || start + bytes < start || machine.taken_count == MACHINE_RANGE_MAX)
		return;
	machine.taken[machine.taken_count].start = start;
	machine.taken[machine.taken_count++].end = start + bytes;
}

static void copy_cmdline(uint64_t gpa)
{
	const char *text = paging_direct(gpa, MACHINE_CMDLINE_MAX);

	for (unsigned i = 0; text && i < MACHINE_CMDLINE_MAX - 1 && text[i]; i++)
		machine.cmdline[i] = text[i];
}

static void read_memmap(const struct hvm_start_info *info)
{
	const uint32_t count = info->memmap_entries < MEMMAP_MAX ? info->memmap_entries
								 : MEMMAP_MAX;
	const struct hvm_memmap_table_entry *entry = paging_direct(info->memmap_paddr,
								   count * sizeof(*entry));

	for (uint32_t i = 0; entry && i < count; i++) {
		if (entry[i].type != RAM_TYPE || entry[i].addr + entry[i].size < entry[i].addr ||
		    machine.ram_count == MACHINE_RANGE_MAX)
			continue;
		machine.ram[machine.ram_count].start = entry[i].addr;
		machine.ram[machine.ram_count++].end = entry[i].addr + entry[i].size;
		machine.ram_bytes += entry[i].size;
	}
}

/* By its name; or by its first word, for loaders that can't name modules (QEMU's -initrd). */
static bool is_fdt(const struct hvm_modlist_entry *module)
{
	const char *name = paging_direct(module->cmdline_paddr, sizeof(PVH_MODULE_FDT));
	const void *blob = paging_direct(module->paddr, module->size);
	struct fdt fdt;

	if (name && !strncmp(name, PVH_MODULE_FDT, sizeof(PVH_MODULE_FDT)))
		return true;
	return blob && fdt_open(&fdt, blob, module->size);
}

static void read_modules(const struct hvm_start_info *info)
{
	const uint32_t count = info->nr_modules < MODULE_MAX ? info->nr_modules : MODULE_MAX;
	const struct hvm_modlist_entry *module = paging_direct(info->modlist_paddr,
							       count * sizeof(*module));

	for (uint32_t i = 0; module && i < count; i++) {
		add_taken(module[i].paddr, module[i].size);
		if (!machine.fdt && is_fdt(&module[i])) {
			machine.fdt = paging_direct(module[i].paddr, module[i].size);
			machine.fdt_bytes = module[i].size;
		} else if (!machine.initrd_bytes) {
			machine.initrd_gpa = module[i].paddr;
			machine.initrd_bytes = module[i].size;
		}
	}
}

/* Without a device tree: what every PC has, and what ACPI says about CPUs. */
static void assume_pc(void)
{
	machine.serial_port = PORT_COM1;
	machine.serial_irq = IRQ_COM1;
	if (machine_has_word("debug-exit"))
		machine.debug_exit_port = PORT_DEBUG_EXIT;
	acpi_read_machine();
}

bool machine_discover(uint32_t start_info_gpa, unsigned entry_bits)
{
	const struct hvm_start_info *info = paging_direct(start_info_gpa, sizeof(*info));

	machine.entry_bits = entry_bits;
	machine.ioapic_gpa = IOAPIC_DEFAULT;
	add_taken(0, 0x100000); /* boot structures, trampoline, firmware */
	add_taken(KERNEL_GPA, (uint64_t)kernel_end - (uint64_t)kernel_start);
	if (!info || info->magic != HVM_START_MAGIC_VALUE)
		return false;
	copy_cmdline(info->cmdline_paddr);
	machine.rsdp_gpa = info->rsdp_paddr;
	if (info->version >= 1)
		read_memmap(info);
	read_modules(info);
	if (machine.fdt && machine_read_fdt(machine.fdt, machine.fdt_bytes))
		return true;
	machine.fdt = NULL;
	assume_pc();
	return true;
}

/* The words of the command line up to a lone "--", behind which they are init's: compared in place. */
static const char *find_word(const char *start, unsigned length, char terminator)
{
	const char *at = machine.cmdline;

	while (*at) {
		while (*at == ' ')
			at++;
		if (!strncmp(at, start, length) &&
		    (at[length] == terminator || (terminator == ' ' && !at[length])))
			return at + length;
		if (!strncmp(at, "-- ", 3))
			break;
		while (*at && *at != ' ')
			at++;
	}
	return NULL;
}

bool machine_has_word(const char *word)
{
	return find_word(word, strlen(word), ' ');
}

bool machine_option(const char *key, char *value, unsigned size)
{
	const char *at = find_word(key, strlen(key), '=');
	unsigned i = 0;

	if (!at)
		return false;
	for (at++; *at && *at != ' ' && i + 1 < size; i++)
		value[i] = *at++;
	value[i] = 0;
	return true;
}
