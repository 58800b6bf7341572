/* SPDX-License-Identifier: MIT
 *
 * Linux bzImages: every payload format gives the same kernel in memory; boot_params is as the boot
 * protocol says; damaged headers and payloads are told apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "boot_images.h"
#include "memory_map.h"

#define MIB (1ULL << 20)

static void test_formats(void **state)
{
	(void)state;
	static const struct {
		enum payload_format format;
		const char *name;
	} table[] = {{PAYLOAD_ELF, "uncompressed payload"},
		     {PAYLOAD_LZ4, "LZ4 unpacked by the host"},
		     {PAYLOAD_ZSTD, "zstd unpacked by the host"},
		     {PAYLOAD_XZ, "xz unpacked by the host"},
		     {PAYLOAD_GZIP, "gzip unpacked by the host"}};

	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct blob elf = make_elf(WITH_PVH);
		struct blob image = make_packed_bzimage(table[i].format, &elf);
		struct rig *rig = rig_new(&image, 64 * MIB);

		assert_int_equal(rig_boot(rig), 0);
		assert_int_equal(rig->report.kind, BOOT_BZIMAGE);
		assert_non_null(strstr(rig->report.description, table[i].name));
		assert_non_null(strstr(rig->report.description, "Linux 6.1.0-test, bzImage"));
		assert_true(rig_has_kernel(rig, &elf, 0));
		assert_int_equal(rig->entry.mode, BOOT_MODE_LONG64);
		assert_true(rig->entry.rip == KERNEL_ENTRY && rig->entry.rsi == GPA_BOOT_PARAMS);
		assert_int_equal(rig->entry.code_selector, 0x10);
		assert_int_equal(rig->entry.data_selector, 0x18);
		assert_true(rig->report.kernel_gpa == KERNEL_TEXT_GPA);
		assert_true(rig->report.kernel_bytes == KERNEL_SPAN);
		rig_free(rig);
		free(image.bytes);
		free(elf.bytes);
	}
}

/* A payload of more than one LZ4 block. */
static void test_large(void **state)
{
	(void)state;
	struct blob elf = make_elf(WITH_PVH);
	struct blob tail = blob_new(20 * MIB);

	for (size_t i = 0; i < tail.len; i += 3)
		tail.bytes[i] = (uint8_t)(i >> 7);
	blob_append(&elf, tail.bytes, tail.len);
	for (enum payload_format format = PAYLOAD_LZ4; format <= PAYLOAD_GZIP; format++) {
		struct blob image = make_packed_bzimage(format, &elf);
		struct rig *rig = rig_new(&image, 64 * MIB);

		assert_int_equal(rig_boot(rig), 0);
		assert_true(rig_has_kernel(rig, &elf, 0));
		rig_free(rig);
		free(image.bytes);
	}
	free(tail.bytes);
	free(elf.bytes);
}

static void test_boot_params(void **state)
{
	(void)state;
	struct blob elf = make_elf(WITH_PVH);
	struct blob image = make_packed_bzimage(PAYLOAD_LZ4, &elf);
	struct rig *rig = rig_new(&image, 64 * MIB);

	rig_initrd(rig, 3 * 4096 + 1);
	assert_int_equal(rig_boot(rig), 0);

	const struct boot_params *params = gmem_slice(&rig->mem, rig->entry.rsi,
						      sizeof(struct boot_params));
	struct board_e820_entry e820[BOARD_E820_MAX];
	unsigned count = board_build_e820(&rig->board, e820);
	struct setup_data seed;

	assert_int_equal(params->hdr.type_of_loader, 0xff);
	assert_int_equal(params->hdr.loadflags, LOADED_HIGH);
	assert_int_equal(params->hdr.version, 0x020f);
	assert_int_equal(params->hdr.header, 0x53726448);
	assert_int_equal(params->sentinel, 0);
	assert_true(params->acpi_rsdp_addr == GPA_ACPI_TABLES);
	assert_memory_equal(gmem_slice(&rig->mem, params->acpi_rsdp_addr, 8), "RSD PTR ", 8);
	assert_int_equal(params->hdr.ramdisk_image, 64 * MIB - 4 * 4096);
	assert_int_equal(params->hdr.ramdisk_size, 3 * 4096 + 1);
	assert_int_equal(params->hdr.cmd_line_ptr, GPA_CMDLINE);
	assert_string_equal(gmem_slice(&rig->mem, GPA_CMDLINE, 64), rig->board.cmdline);
	assert_int_equal(params->e820_entries, count);
	for (unsigned i = 0; i < count; i++)
		assert_true(params->e820_table[i].addr == e820[i].gpa &&
			    params->e820_table[i].size == e820[i].size_bytes &&
			    params->e820_table[i].type == e820[i].type);
	assert_int_equal(gmem_read(&rig->mem, params->hdr.setup_data, &seed, sizeof seed), 0);
	assert_true(seed.next == 0 && seed.type == SETUP_RNG_SEED && seed.len == 32);
	rig_free(rig);
	free(image.bytes);
	free(elf.bytes);
}

static const struct {
	size_t offset;
	unsigned width;
	uint64_t value;
	int err;
	const char *text;
} broken[] = {
	{0x202, 4, 0, -ENOEXEC, "neither an ELF kernel nor a Linux bzImage"},
	{0x1fe, 2, 0, -ENOEXEC, "neither an ELF kernel nor a Linux bzImage"},
	{HDR(version), 2, 0x020b, -ENOEXEC, "boot protocol 2.11 is too old"},
	{HDR(version), 2, 0, -ENOEXEC, "too old"},
	{HDR(xloadflags), 2, 0, -ENOEXEC, "a 32-bit Linux kernel"},
	{HDR(loadflags), 1, 0, -ENOEXEC, "a zImage"},
	{HDR(payload_length), 4, 0, -ENOEXEC, "without a payload"},
	{HDR(payload_length), 4, 15, -ENOEXEC, "without a payload"},
	{HDR(payload_length), 4, 0xffffffff, -ENOEXEC, "truncated bzImage"},
	{HDR(payload_offset), 4, 0xffffffff, -ENOEXEC, "truncated bzImage"},
	{HDR(payload_offset), 4, BZIMAGE_PAYLOAD_OFFSET + 1, -ENOEXEC, "truncated bzImage"},
	{HDR(setup_sects), 1, 255, -ENOEXEC, "truncated bzImage"},
	{HDR(cmdline_size), 4, 18, -E2BIG,
	 "the command line has 19 characters; this kernel takes 18"},
	{HDR(cmdline_size), 4, 0, -E2BIG, "this kernel takes 0"},
	{0x201, 1, 0, -ENOEXEC, "boot protocol"}, /* header ends before its version */
};

static void test_broken_header(void **state)
{
	(void)state;
	struct blob elf = make_elf(WITH_PVH);

	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		struct blob image = make_packed_bzimage(PAYLOAD_LZ4, &elf);

		blob_patch(&image, broken[i].offset, broken[i].width, broken[i].value);

		struct rig *rig = rig_new(&image, 64 * MIB);
		int err = rig_boot(rig);

		if (err != broken[i].err || !strstr(rig->error.text, broken[i].text))
			fail_msg("line %zu: %d instead of %d, \"%s\" instead of \"%s\"", i, err,
				 broken[i].err, rig->error.text, broken[i].text);
		rig_free(rig);
		free(image.bytes);
	}
	free(elf.bytes);
}

/* Whatever byte behind a format's header flips, the kernel is refused or, where the format has no
 * checksum, loaded; and the claimed size is never believed. */
static void test_broken_payload(void **state)
{
	(void)state;
	struct blob elf = make_elf(WITH_PVH);

	for (enum payload_format format = PAYLOAD_LZ4; format <= PAYLOAD_GZIP; format++) {
		static const uint32_t size[] = {
			0,	    4095,      KERNEL_ELF_BYTES - 1, KERNEL_ELF_BYTES + 1,
			0x7fffffff, 0xffffffff};
		struct blob good = make_packed_bzimage(format, &elf);

		for (unsigned i = 0; i < sizeof size / sizeof size[0]; i++) {
			struct blob image = blob_new(0);

			blob_append(&image, good.bytes, good.len);
			blob_patch(&image, good.len - 4, 4, size[i]);

			struct rig *rig = rig_new(&image, 64 * MIB);

			assert_true(rig_boot(rig) < 0);
			assert_non_null(strstr(rig->error.text, "damaged"));
			rig_free(rig);
			free(image.bytes);
		}
		for (size_t at = BZIMAGE_PROTECTED_OFFSET + BZIMAGE_PAYLOAD_OFFSET + 10;
		     at < good.len - 4; at += 509) {
			struct blob image = blob_new(0);

			blob_append(&image, good.bytes, good.len);
			image.bytes[at] ^= 0xff;

			struct rig *rig = rig_new(&image, 64 * MIB);
			int err = rig_boot(rig);

			assert_true(err == 0 || rig->error.text[0]);
			assert_true(err < 0 || format == PAYLOAD_LZ4 || format == PAYLOAD_ZSTD);
			rig_free(rig);
			free(image.bytes);
		}
		free(good.bytes);
	}
	free(elf.bytes);
}

/* bzip2 is left to the kernel: its protected-mode part is loaded as it is. */
static void test_fallback(void **state)
{
	(void)state;
	struct blob elf = make_elf(WITH_PVH);
	struct blob image = make_packed_bzimage(PAYLOAD_BZIP2, &elf);

	for (int kaslr = 0; kaslr < 2; kaslr++) {
		struct rig *rig = rig_new(&image, 64 * MIB);

		rig->options.kaslr = kaslr ? BOOT_KASLR_ON : BOOT_KASLR_OFF;
		assert_int_equal(rig_boot(rig), 0);
		assert_non_null(strstr(rig->report.description,
				       "bzip2 left to the kernel's own decompressor"));
		assert_true(rig->entry.rip == KERNEL_TEXT_GPA + 0x200);
		assert_memory_equal(
			gmem_slice(&rig->mem, KERNEL_TEXT_GPA, BZIMAGE_PAYLOAD_OFFSET + 20),
			image.bytes + BZIMAGE_PROTECTED_OFFSET, BZIMAGE_PAYLOAD_OFFSET + 20);
		/* The decompressor randomises unless it is told not to. */
		assert_string_equal(gmem_slice(&rig->mem, GPA_CMDLINE, 64),
				    kaslr ? "console=ttyS0 quiet" : "console=ttyS0 quiet nokaslr");
		rig_free(rig);
	}
	free(image.bytes);
	free(elf.bytes);
}

static void test_fallback_broken(void **state)
{
	(void)state;
	static const struct {
		size_t offset;
		unsigned width;
		uint64_t value;
		int err;
		const char *text;
	} table[] = {
		{HDR(pref_address), 8, 0, -ENOEXEC, "prefers address 0x0"},
		{HDR(pref_address), 8, KERNEL_TEXT_GPA + 0x1000, -ENOEXEC, "prefers address"},
		{HDR(pref_address), 8, UINT64_MAX & ~0x1fffffULL, -ENOMEM, "raise --memory"},
		{HDR(kernel_alignment), 4, 0, -ENOEXEC, "prefers address"},
		{HDR(init_size), 4, 0xffffffff, -ENOMEM, "raise --memory"},
		{HDR(init_size), 4, 48 * MIB + 1, -ENOMEM, "raise --memory"},
		{HDR(init_size), 4, 48 * MIB, 0, ""},
		{HDR(init_size), 4, 0, 0, ""}, /* then the image's own size counts */
	};
	struct blob elf = make_elf(WITH_PVH);

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct blob image = make_packed_bzimage(PAYLOAD_BZIP2, &elf);

		blob_patch(&image, table[i].offset, table[i].width, table[i].value);

		struct rig *rig = rig_new(&image, 64 * MIB);

		assert_int_equal(rig_boot(rig), table[i].err);
		assert_non_null(strstr(rig->error.text, table[i].text));
		rig_free(rig);
		free(image.bytes);
	}
	free(elf.bytes);
}

static void test_initrd(void **state)
{
	(void)state;
	static const struct {
		uint64_t memory;
		uint32_t limit; /* initrd_addr_max */
		size_t len;
		int err;
		uint64_t gpa;
		const char *text;
	} table[] = {
		{64 * MIB, 0x7fffffff, 1, 0, 64 * MIB - 4096, ""},
		{64 * MIB, 0x7fffffff, 4096, 0, 64 * MIB - 4096, ""},
		{64 * MIB, 0x7fffffff, 4097, 0, 64 * MIB - 8192, ""},
		{64 * MIB, 0x2ffffff, 4096, 0, 48 * MIB - 4096, ""},
		{64 * MIB, 0x2fffffe, 4096, 0, 48 * MIB - 8192, ""},
		{64 * MIB, 0xffffffff, 4096, 0, 64 * MIB - 4096, ""},
		{6144 * MIB, 0xffffffff, 4096, 0, GPA_HOLE_START - 4096, ""},
		{6144 * MIB, 0x7fffffff, 4096, 0, 2048 * MIB - 4096, ""},
		{64 * MIB, 0x7fffffff, 65 * MIB, -ENOMEM, 0, "the initrd of 66 MiB does not fit"},
		{64 * MIB, 0x7fffffff, 64 * MIB, -ENOMEM, 0, "does not fit"},
		{64 * MIB, 0x7fffffff, 62 * MIB, -ENOMEM, 0, "beside the initrd; raise --memory"},
		{64 * MIB, 0, 1, -ENOMEM, 0, "does not fit"},
		{64 * MIB, 0x7fffffff, 0, -ENODATA, 0, "the initrd is empty"},
	};
	struct blob elf = make_elf(WITH_PVH);

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct blob image = make_packed_bzimage(PAYLOAD_LZ4, &elf);

		blob_patch(&image, HDR(initrd_addr_max), 4, table[i].limit);

		struct rig *rig = rig_new(&image, table[i].memory);

		rig_initrd(rig, table[i].len);

		int err = rig_boot(rig);

		if (err != table[i].err || !strstr(rig->error.text, table[i].text) ||
		    (!err && rig->board.initrd_gpa != table[i].gpa))
			fail_msg("line %zu: %d, \"%s\", 0x%llx", i, err, rig->error.text,
				 (unsigned long long)rig->board.initrd_gpa);
		rig_free(rig);
		free(image.bytes);
	}
	free(elf.bytes);
}

static void test_small_memory(void **state)
{
	(void)state;
	struct blob elf = make_elf(WITH_PVH);
	struct blob image = make_packed_bzimage(PAYLOAD_ZSTD, &elf);
	static const uint64_t memory[] = {4096, MIB, 2 * MIB, KERNEL_DATA_GPA,
					  KERNEL_DATA_GPA + KERNEL_DATA_MEMORY - 4096};

	for (unsigned i = 0; i < sizeof memory / sizeof memory[0]; i++) {
		struct rig *rig = rig_new(&image, memory[i]);

		assert_int_equal(rig_boot(rig), -ENOMEM);
		assert_non_null(strstr(rig->error.text, "raise --memory"));
		rig_free(rig);
	}

	struct rig *rig = rig_new(&image, KERNEL_DATA_GPA + KERNEL_DATA_MEMORY);

	assert_int_equal(rig_boot(rig), 0);
	rig_free(rig);
	free(image.bytes);
	free(elf.bytes);
}

/* A reset loads the same image into fresh memory. */
static void test_again(void **state)
{
	(void)state;
	struct blob elf = make_elf(WITH_PVH);
	struct blob image = make_packed_bzimage(PAYLOAD_GZIP, &elf);
	struct rig *rig = rig_new(&image, 64 * MIB);

	assert_int_equal(rig_boot(rig), 0);
	gmem_destroy(&rig->mem);
	assert_int_equal(gmem_create(&rig->mem, 64 * MIB, GMEM_ANONYMOUS), 0);
	assert_int_equal(boot_load(rig->image, &rig->mem, &rig->board, &rig->entry, &rig->report,
				   &rig->error),
			 0);
	assert_true(rig_has_kernel(rig, &elf, 0));
	rig_free(rig);
	free(image.bytes);
	free(elf.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),		cmocka_unit_test(test_large),
		cmocka_unit_test(test_boot_params),	cmocka_unit_test(test_broken_header),
		cmocka_unit_test(test_broken_payload),	cmocka_unit_test(test_fallback),
		cmocka_unit_test(test_fallback_broken), cmocka_unit_test(test_initrd),
		cmocka_unit_test(test_small_memory),	cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
