/* SPDX-License-Identifier: MIT
 *
 * ELF kernels with a PVH note: segments at their physical addresses, struct hvm_start_info, entry
 * in flat 32-bit protected mode (Xen's "x86/HVM direct boot ABI"). A kernel with Vitrine's own
 * note is entered in 64-bit mode and gets the device tree as a module; see abi/elf_note.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "boot/fail.h"
#include "boot/load.h"
#include "elf_note.h"
#include "memory_map.h"
#include "pvh.h"

#define FDT_BASE_BYTES 4096u
#define FDT_CPU_BYTES 128u
#define PVH_MODULE_MAX 2

/* Everything that hvm_start_info points to, in one page of guest memory. */
struct pvh_page {
	struct hvm_start_info info;
	struct hvm_modlist_entry module[PVH_MODULE_MAX];
	struct hvm_memmap_table_entry memmap[BOARD_E820_MAX];
	char fdt_name[sizeof PVH_MODULE_FDT];
};

_Static_assert(sizeof(struct pvh_page) <= GPA_BOOT_PARAMS - GPA_PVH_START_INFO, "one page");

#define PVH_GPA(member) (GPA_PVH_START_INFO + offsetof(struct pvh_page, member))

static int copy_segments(struct load *load)
{
	const struct elf_image *elf = &load->image->elf;

	for (unsigned i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *s = &elf->segment[i];
		uint8_t *to = gmem_slice(load->mem, s->gpa, s->memory_bytes); /* checked before */
		int err = image_file_read(&load->image->file, s->offset, to, s->file_bytes,
					  load->error);

		if (err)
			return err;
	}
	return 0;
}

static void add_module(struct pvh_page *page, uint64_t gpa, uint64_t size_bytes, uint64_t name_gpa)
{
	page->module[page->info.nr_modules++] = (struct hvm_modlist_entry){
		.paddr = gpa, .size = size_bytes, .cmdline_paddr = name_gpa};
}

static void add_memmap(struct load *load, struct pvh_page *page)
{
	struct board_e820_entry e820[BOARD_E820_MAX];
	unsigned count = board_build_e820(load->board, e820);

	for (unsigned i = 0; i < count; i++)
		page->memmap[i] = (struct hvm_memmap_table_entry){
			.addr = e820[i].gpa, .size = e820[i].size_bytes, .type = e820[i].type};
	page->info.memmap_entries = count;
}

static int write_start_info(struct load *load, uint64_t fdt_bytes)
{
	const struct board *board = load->board;
	struct pvh_page page = {.info = {.magic = HVM_START_MAGIC_VALUE,
					 .version = HVM_START_INFO_VERSION,
					 .modlist_paddr = PVH_GPA(module),
					 .memmap_paddr = PVH_GPA(memmap),
					 .cmdline_paddr = GPA_CMDLINE,
					 .rsdp_paddr = GPA_ACPI_TABLES},
				.fdt_name = PVH_MODULE_FDT};

	/* Linux takes the first module as its initrd. */
	if (board->initrd_bytes)
		add_module(&page, board->initrd_gpa, board->initrd_bytes, 0);
	if (load->image->kind == BOOT_VITRINE_ELF)
		add_module(&page, GPA_FDT, fdt_bytes, PVH_GPA(fdt_name));
	add_memmap(load, &page);
	if (gmem_write(load->mem, GPA_PVH_START_INFO, &page, sizeof page))
		return boot_fail(load->error, -ENOMEM, NULL, "no guest RAM for boot structures");
	return 0;
}

/* Written for every ELF kernel; its address is part of abi/memory_map.h. */
static int write_fdt(struct load *load, uint64_t *fdt_bytes)
{
	const struct board *board = load->board;
	size_t room = FDT_BASE_BYTES + strlen(board->cmdline) + FDT_CPU_BYTES * board->cpu_count;
	void *buf;
	int used;

	/* libfdt clears all the room it is given: pages that a small tree does not need. */
	room = room < FDT_MAX_BYTES ? room : FDT_MAX_BYTES;
	buf = gmem_slice(load->mem, GPA_FDT, room);
	used = buf ? board_build_fdt(board, buf, room) : -ENOSPC;

	if (used < 0)
		return boot_fail(load->error, used, NULL, "the device tree does not fit its place");
	*fdt_bytes = (uint64_t)used;
	return 0;
}

static int check_initrd_apart(struct load *load)
{
	uint64_t kernel_end = elf_end(&load->image->elf);

	if (!load->board->initrd_bytes || load->board->initrd_gpa >= kernel_end ||
	    elf_start(&load->image->elf) >= GPA_HOLE_END)
		return 0;
	return boot_fail(load->error, -ENOMEM, load->image->options.initrd_path,
			 "the initrd does not fit above the kernel, which ends at %" PRIu64
			 " MiB; raise --memory",
			 (kernel_end >> 20) + 1);
}

static void describe(struct load *load)
{
	const struct elf_image *elf = &load->image->elf;
	struct boot_report *report = load->report;
	bool is_vitrine = load->image->kind == BOOT_VITRINE_ELF;

	report->kernel_gpa = elf_start(elf);
	report->kernel_bytes = elf_end(elf) - elf_start(elf);
	snprintf(report->description, sizeof report->description,
		 is_vitrine ? "Vitrine guest, ELF, 64-bit entry"
			    : "ELF with a PVH note, 32-bit entry");
	snprintf(report->detail, sizeof report->detail,
		 "kernel at 0x%" PRIx64 ", %" PRIu64 " KiB, entry 0x%" PRIx64, report->kernel_gpa,
		 report->kernel_bytes >> 10, load->entry->rip);
}

int load_pvh(struct load *load)
{
	const struct boot_image *image = load->image;
	bool is_vitrine = image->kind == BOOT_VITRINE_ELF;
	uint64_t fdt_bytes = 0;
	int err = elf_check_memory(&image->elf, load->mem, image->file.path, load->error);

	if (!err)
		err = load_initrd(load, load->ram_end);
	if (!err)
		err = check_initrd_apart(load);
	if (!err)
		err = copy_segments(load);
	if (!err)
		err = load_cmdline(load, CMDLINE_MAX_BYTES, "");
	if (!err)
		err = write_fdt(load, &fdt_bytes);
	if (!err)
		err = write_start_info(load, fdt_bytes);
	if (!err)
		err = load_start_state(load, is_vitrine ? BOOT_MODE_LONG64 : BOOT_MODE_PROTECTED32);
	if (err)
		return err;
	load->entry->rip = is_vitrine ? image->elf.vitrine_entry64 : image->elf.pvh_entry32;
	load->entry->rbx = GPA_PVH_START_INFO;
	describe(load);
	return 0;
}
