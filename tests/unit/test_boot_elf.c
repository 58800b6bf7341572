/* SPDX-License-Identifier: MIT
 *
 * ELF kernels: what a good one leaves in guest memory, and every way of being a bad one, each with
 * a line of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "boot_images.h"
#include "memory_map.h"
#include "pvh.h"

#define MIB (1ULL << 20)
#define EH(field) offsetof(Elf64_Ehdr, field), sizeof(((Elf64_Ehdr *)0)->field)
#define PH(index, field)                                                                   \
	(sizeof(Elf64_Ehdr) + (index) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, field)), \
		sizeof(((Elf64_Phdr *)0)->field)

static const struct {
	size_t offset;
	unsigned width;
	uint64_t value;
	int err;
	const char *text;
} broken[] = {
	{EI_CLASS, 1, ELFCLASS32, -ENOEXEC, "32-bit ELF"},
	{EI_CLASS, 1, 7, -ENOEXEC, "32-bit ELF"},
	{EI_DATA, 1, ELFDATA2MSB, -ENOEXEC, "big-endian"},
	{EI_VERSION, 1, 0, -ENOEXEC, "unknown version"},
	{EH(e_version), 9, -ENOEXEC, "unknown version"},
	{EH(e_machine), EM_AARCH64, -ENOEXEC, "another architecture (machine 183)"},
	{EH(e_machine), EM_386, -ENOEXEC, "another architecture (machine 3)"},
	{EH(e_type), ET_REL, -ENOEXEC, "an object file"},
	{EH(e_type), ET_DYN, -ENOEXEC, "shared object"},
	{EH(e_type), ET_CORE, -ENOEXEC, "a core dump"},
	{EH(e_type), 0xffff, -ENOEXEC, "unknown type"},
	{EH(e_phnum), 0, -ENOEXEC, "without program headers"},
	{EH(e_phnum), 0xffff, -ENOEXEC, "damaged"},
	{EH(e_phentsize), 32, -ENOEXEC, "damaged"},
	{EH(e_phoff), UINT64_MAX, -ENOEXEC, "program headers behind the end"},
	{EH(e_phoff), UINT64_MAX - 100, -ENOEXEC, "program headers behind the end"},
	{EH(e_phoff), KERNEL_ELF_BYTES - 100, -ENOEXEC, "program headers behind the end"},
	{PH(0, p_type), PT_INTERP, -ENOEXEC, "an ordinary program"},
	{PH(0, p_filesz), KERNEL_TEXT_BYTES + 1, -ENOEXEC, "more bytes in the file than in memory"},
	{PH(0, p_offset), KERNEL_ELF_BYTES, -ENOEXEC, "truncated ELF: segment at 0x1000000"},
	{PH(0, p_offset), UINT64_MAX, -ENOEXEC, "truncated ELF: segment"},
	{PH(0, p_offset), UINT64_MAX - 0x4fff, -ENOEXEC, "truncated ELF: segment"},
	{PH(0, p_paddr), UINT64_MAX - 0x4000, -ENOEXEC, "wraps around"},
	{PH(1, p_memsz), UINT64_MAX, -ENOEXEC, "wraps around"},
	{PH(1, p_memsz), UINT64_MAX - KERNEL_DATA_GPA, -ENOMEM, "exceeds guest memory"},
	{PH(1, p_paddr), KERNEL_TEXT_GPA, -ENOEXEC, "overlap"},
	{PH(1, p_paddr), KERNEL_TEXT_GPA + KERNEL_TEXT_BYTES - 1, -ENOEXEC, "overlap"},
	{PH(1, p_paddr), KERNEL_TEXT_GPA - KERNEL_DATA_MEMORY + 1, -ENOEXEC, "overlap"},
	{PH(1, p_paddr), 0, -ENOEXEC, "boot structures"},
	{PH(1, p_paddr), GPA_HIGH_RAM - 1, -ENOEXEC, "boot structures"},
	{PH(1, p_paddr), 64 * MIB - KERNEL_DATA_MEMORY + 1, -ENOMEM,
	 "exceeds guest memory (64 MiB)"},
	{PH(1, p_paddr), GPA_HOLE_START, -ENOMEM, "exceeds guest memory"},
	{PH(1, p_paddr), 1ULL << 63, -ENOMEM, "exceeds guest memory"},
	{PH(1, p_memsz), 1ULL << 40, -ENOMEM, "exceeds guest memory"},
	{PH(2, p_offset), KERNEL_ELF_BYTES, -ENOEXEC, "notes behind the end"},
	{PH(2, p_offset), UINT64_MAX, -ENOEXEC, "notes behind the end"},
	{PH(2, p_filesz), UINT64_MAX, -ENOEXEC, "notes behind the end"},
	{PH(2, p_filesz), 8, -ENOEXEC, "without a PVH note"},
	{PH(2, p_type), PT_NULL, -ENOEXEC, "without a PVH note"},
	{KERNEL_NOTE_OFFSET, 4, 0xffffffff, -ENOEXEC, "without a PVH note"},	 /* namesz */
	{KERNEL_NOTE_OFFSET + 4, 4, 0xfffffffd, -ENOEXEC, "without a PVH note"}, /* descsz */
	{KERNEL_NOTE_OFFSET + 36 + 16, 4, 0x2000000, -ENOEXEC, "outside of its segments"},
};

static void test_broken(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		struct blob elf = make_elf(WITH_PVH);

		blob_patch(&elf, broken[i].offset, broken[i].width, broken[i].value);

		struct rig *rig = rig_new(&elf, 64 * MIB);
		int err = rig_boot(rig);

		if (err != broken[i].err || !strstr(rig->error.text, broken[i].text) ||
		    strchr(rig->error.text, '\n'))
			fail_msg("line %zu: %d instead of %d, \"%s\" instead of \"%s\"", i, err,
				 broken[i].err, rig->error.text, broken[i].text);
		rig_free(rig);
		free(elf.bytes);
	}
}

/* Cut anywhere: never a success before the last byte, never a crash. */
static void test_truncated(void **state)
{
	(void)state;
	struct blob elf = make_elf(WITH_PVH);

	for (size_t len = 1; len < elf.len; len += len < 300 ? 1 : 211) {
		struct blob cut = {elf.bytes, len};
		struct rig *rig = rig_new(&cut, 64 * MIB);

		assert_int_equal(rig_boot(rig), -ENOEXEC);
		assert_non_null(strstr(rig->error.text, len < 4 ? "neither" : "truncated"));
		rig_free(rig);
	}
	free(elf.bytes);
}

static void test_no_segments(void **state)
{
	(void)state;
	struct blob elf = make_elf(WITH_PVH);

	blob_patch(&elf, PH(0, p_memsz), 0);
	blob_patch(&elf, PH(0, p_filesz), 0);
	blob_patch(&elf, PH(1, p_type), PT_NULL);

	struct rig *rig = rig_new(&elf, 64 * MIB);

	assert_int_equal(rig_boot(rig), -ENOEXEC);
	assert_non_null(strstr(rig->error.text, "without anything to load"));
	rig_free(rig);
	free(elf.bytes);
}

/* Ends that are exactly right. */
static void test_edges(void **state)
{
	(void)state;
	static const uint64_t gpa[] = {GPA_HIGH_RAM, KERNEL_TEXT_GPA - KERNEL_DATA_MEMORY,
				       KERNEL_TEXT_GPA + KERNEL_TEXT_BYTES,
				       64 * MIB - KERNEL_DATA_MEMORY};

	for (unsigned i = 0; i < sizeof gpa / sizeof gpa[0]; i++) {
		struct blob elf = make_elf(WITH_PVH);

		blob_patch(&elf, PH(1, p_paddr), gpa[i]);

		struct rig *rig = rig_new(&elf, 64 * MIB);

		assert_int_equal(rig_boot(rig), 0);
		assert_memory_equal(gmem_slice(&rig->mem, gpa[i], KERNEL_DATA_BYTES),
				    elf.bytes + KERNEL_DATA_OFFSET, KERNEL_DATA_BYTES);
		rig_free(rig);
		free(elf.bytes);
	}
}

static void check_memmap(const struct rig *rig, const struct hvm_start_info *info)
{
	struct board_e820_entry e820[BOARD_E820_MAX];
	unsigned count = board_build_e820(&rig->board, e820);
	const struct hvm_memmap_table_entry *map = gmem_slice(&rig->mem, info->memmap_paddr,
							      count * sizeof *map);

	assert_int_equal(info->memmap_entries, count);
	for (unsigned i = 0; i < count; i++) {
		assert_true(map[i].addr == e820[i].gpa && map[i].size == e820[i].size_bytes);
		assert_int_equal(map[i].type, e820[i].type);
	}
}

static void test_pvh(void **state)
{
	(void)state;
	struct blob elf = make_elf(WITH_PVH);
	struct rig *rig = rig_new(&elf, 64 * MIB);

	rig_initrd(rig, 5000);
	assert_int_equal(rig_boot(rig), 0);
	assert_int_equal(boot_image_kind(rig->image), BOOT_PVH_ELF);
	assert_true(rig_has_kernel(rig, &elf, 0));
	assert_int_equal(rig->entry.mode, BOOT_MODE_PROTECTED32);
	assert_true(rig->entry.rip == KERNEL_ENTRY && rig->entry.rbx == GPA_PVH_START_INFO);
	assert_int_equal(rig->entry.code_selector, 0x08);

	const struct hvm_start_info *info = gmem_slice(&rig->mem, GPA_PVH_START_INFO, sizeof *info);
	const struct hvm_modlist_entry *module = gmem_slice(&rig->mem, info->modlist_paddr,
							    sizeof *module);

	assert_int_equal(info->magic, HVM_START_MAGIC_VALUE);
	assert_int_equal(info->nr_modules, 1);
	assert_true(module->paddr == 64 * MIB - 8192 && module->size == 5000);
	assert_true(rig->board.initrd_gpa == module->paddr && rig->board.initrd_bytes == 5000);
	assert_memory_equal(gmem_slice(&rig->mem, module->paddr + 4999, 2), "\x5a\0", 2);
	assert_string_equal(gmem_slice(&rig->mem, info->cmdline_paddr, 100), rig->board.cmdline);
	assert_memory_equal(gmem_slice(&rig->mem, info->rsdp_paddr, 8), "RSD PTR ", 8);
	check_memmap(rig, info);
	rig_free(rig);
	free(elf.bytes);
}

static void test_vitrine(void **state)
{
	(void)state;
	struct blob elf = make_elf(WITH_PVH | WITH_VITRINE);
	struct rig *rig = rig_new(&elf, 64 * MIB);

	assert_int_equal(rig_boot(rig), 0);
	assert_int_equal(boot_image_kind(rig->image), BOOT_VITRINE_ELF);
	assert_int_equal(rig->entry.mode, BOOT_MODE_LONG64);
	assert_true(rig->entry.rip == KERNEL_ENTRY64);

	const struct hvm_start_info *info = gmem_slice(&rig->mem, GPA_PVH_START_INFO, sizeof *info);
	const struct hvm_modlist_entry *module = gmem_slice(&rig->mem, info->modlist_paddr,
							    sizeof *module);

	assert_int_equal(info->nr_modules, 1);
	assert_true(module->paddr == GPA_FDT);
	assert_string_equal(gmem_slice(&rig->mem, module->cmdline_paddr, 4), PVH_MODULE_FDT);
	assert_memory_equal(gmem_slice(&rig->mem, GPA_FDT, 4), "\xd0\x0d\xfe\xed", 4);
	rig_free(rig);
	free(elf.bytes);
}

/* The first 4 GiB map onto themselves, by a walk as the processor does it. */
static void test_identity_map(void **state)
{
	(void)state;
	struct blob elf = make_elf(WITH_VITRINE);
	struct rig *rig = rig_new(&elf, 64 * MIB);

	assert_int_equal(rig_boot(rig), 0);
	for (uint64_t gva = 0; gva < 4ULL << 30; gva += (2 * MIB) - 0x1000) {
		uint64_t entry, table = rig->entry.cr3;

		for (unsigned shift = 39; shift >= 21; shift -= 9) {
			assert_int_equal(
				gmem_read(&rig->mem, table + (gva >> shift & 511) * 8, &entry, 8),
				0);
			assert_int_equal(entry & 3, 3);
			table = entry & ~0xfffULL;
		}
		assert_int_equal(entry & 0x80, 0x80);
		assert_true((entry & ~0x1fffffULL) + (gva & 0x1fffff) == gva);
	}
	assert_int_equal(rig->entry.gdt_limit, 5 * 8 - 1);
	rig_free(rig);
	free(elf.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broken),	     cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_no_segments),  cmocka_unit_test(test_edges),
		cmocka_unit_test(test_pvh),	     cmocka_unit_test(test_vitrine),
		cmocka_unit_test(test_identity_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
