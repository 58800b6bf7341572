/* SPDX-License-Identifier: MIT
 *
 * Files that are no kernels, flat 16-bit programs and firmware.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>

#include "boot_images.h"
#include "memory_map.h"

#define MIB (1ULL << 20)
#define FLAT16_MAX (GPA_LOW_RAM_END - GPA_FLAT16)

static void check_open(const char *path, int expected, const char *text)
{
	struct boot_options options = {.image_path = path};
	struct boot_error error = {{0}};
	struct boot_image *image = (void *)1;
	int err = boot_image_open(&options, &image, &error);

	if (err != expected || !strstr(error.text, text) || image)
		fail_msg("%s: %d instead of %d, \"%s\" instead of \"%s\"", path, err, expected,
			 error.text, text);
}

static void test_paths(void **state)
{
	(void)state;
	char fifo[] = "/tmp/vitrine-test-XXXXXX", missing[400];

	check_open("/nonexistent/vmlinuz", -ENOENT,
		   "/nonexistent/vmlinuz: cannot open the kernel image: No such file");
	check_open("/", -EISDIR, "/: is a directory, not a kernel image");
	check_open("/dev/zero", -EINVAL, "must be a regular file");
	assert_non_null(mkdtemp(fifo));
	strcpy(missing, fifo);
	strcat(missing, "/fifo");
	assert_int_equal(mkfifo(missing, 0600), 0);
	check_open(missing, -EINVAL, "must be a regular file"); /* and does not hang */
	unlink(missing);
	rmdir(fifo);

	/* A long path loses its head, never the message. */
	memset(missing, 'x', sizeof missing);
	memcpy(missing, "/tmp/", 5);
	strcpy(missing + sizeof missing - 9, "/vmlinuz");
	check_open(missing, -ENAMETOOLONG,
		   "x/vmlinuz: cannot open the kernel image: File name too");
}

static void check_bytes(const void *bytes, size_t len, int expected, const char *text)
{
	char path[32];
	int fd = rig_file(bytes, len, path);

	check_open(path, expected, text);
	close(fd);
}

static void test_contents(void **state)
{
	(void)state;
	uint8_t page[4096] = {0};

	check_bytes("", 0, -ENODATA, "the kernel image is empty");
	check_bytes("x", 1, -ENOEXEC, "neither an ELF kernel nor a Linux bzImage");
	check_bytes("0123456789abcdef", 16, -ENOEXEC, "neither an ELF kernel");
	check_bytes("\x7f"
		    "ELF567890abcdef",
		    16, -ENOEXEC, "truncated ELF: 16 bytes");
	check_bytes(page, sizeof page, -ENOEXEC, "neither an ELF kernel");
	check_bytes("#!/bin/sh\n", 10, -ENOEXEC, "a script");
	check_bytes("\x1f\x8b\x08\0\0\0", 6, -ENOEXEC, "compressed with gzip");
	memcpy(page + 0x38, "ARM\x64", 4);
	check_bytes(page, sizeof page, -ENOEXEC, "arm64");
	memset(page, 0, sizeof page);
	memcpy(page + 0x30, "RISCV\0\0\0", 8);
	check_bytes(page, sizeof page, -ENOEXEC, "RISC-V");
	memset(page, 0, sizeof page);
	memcpy(page + 0x1fe, "\x55\xaa\xeb\x6aHdrS", 8);
	check_bytes(page, 0x1fe + 8, -ENOEXEC, "truncated bzImage: no setup header");
	check_bytes(page, 0x1fe + 4, -ENOEXEC, "neither an ELF kernel");
	check_open("/proc/self/exe", -ENOEXEC, "shared object or position-independent program");
}

static void test_flat16(void **state)
{
	(void)state;
	static const struct {
		size_t len;
		size_t firmware;
		int err;
		const char *text;
	} table[] = {
		{1, FIRMWARE_BYTES, 0, ""},
		{512, FIRMWARE_BYTES, 0, ""},
		{FLAT16_MAX, FIRMWARE_BYTES, 0, ""},
		{FLAT16_MAX + 1, FIRMWARE_BYTES, -EFBIG, "may have 615424 bytes; this has 615425"},
		{0, FIRMWARE_BYTES, -ENODATA, "empty"},
		{512, FIRMWARE_BYTES - 1, -EINVAL, "the firmware has 65535 bytes instead of 65536"},
		{512, FIRMWARE_BYTES + 1, -EINVAL, "the firmware has 65537 bytes"},
		{512, 0, -ENODATA, "the firmware is empty"},
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct blob program = blob_new(table[i].len),
			    firmware = blob_new(table[i].firmware);
		struct rig *rig;

		memset(program.bytes, 0x90, program.len);
		memset(firmware.bytes, 0xea, firmware.len);
		rig = rig_new(&program, 16 * MIB);
		rig->initrd_fd = rig_file(firmware.bytes, firmware.len, rig->initrd_path);
		rig->options.flat16 = true;
		rig->options.firmware_path = rig->initrd_path;

		int err = rig_boot(rig);

		if (err != table[i].err || !strstr(rig->error.text, table[i].text))
			fail_msg("line %zu: %d, \"%s\"", i, err, rig->error.text);
		if (!err) {
			assert_int_equal(rig->entry.mode, BOOT_MODE_REAL16);
			assert_int_equal(rig->entry.rip, 0xfff0);
			assert_memory_equal(gmem_slice(&rig->mem, GPA_FLAT16, program.len),
					    program.bytes, program.len);
			assert_memory_equal(
				gmem_slice(&rig->mem, GPA_FIRMWARE_SHADOW, firmware.len),
				firmware.bytes, firmware.len);
			assert_int_equal(*(uint8_t *)gmem_slice(&rig->mem, GPA_FLAT16 - 1, 1), 0);
		}
		rig_free(rig);
		free(program.bytes);
		free(firmware.bytes);
	}
}

static void test_flat16_options(void **state)
{
	(void)state;
	struct blob program = blob_new(512);
	struct rig *rig = rig_new(&program, 16 * MIB);

	rig->options.flat16 = true;
	assert_int_equal(rig_boot(rig), -EINVAL);
	assert_non_null(strstr(rig->error.text, "needs a firmware"));
	boot_image_close(rig->image);
	rig_initrd(rig, 100);
	assert_int_equal(rig_boot(rig), -EINVAL);
	assert_non_null(strstr(rig->error.text, "--initrd has no meaning"));
	rig_free(rig);
	free(program.bytes);
}

static void test_firmware(void **state)
{
	(void)state;
	struct boot_error error;
	uint8_t *bytes;
	struct blob firmware = blob_new(FIRMWARE_BYTES);
	char path[32];
	int fd;

	firmware.bytes[FIRMWARE_BYTES - 1] = 7;
	fd = rig_file(firmware.bytes, firmware.len, path);
	assert_int_equal(boot_read_firmware(path, &bytes, &error), 0);
	assert_memory_equal(bytes, firmware.bytes, FIRMWARE_BYTES);
	free(bytes);
	close(fd);
	assert_int_equal(boot_read_firmware("/nonexistent", &bytes, &error), -ENOENT);
	assert_non_null(strstr(error.text, "cannot open the firmware"));
	free(firmware.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),	 cmocka_unit_test(test_contents),
		cmocka_unit_test(test_flat16),	 cmocka_unit_test(test_flat16_options),
		cmocka_unit_test(test_firmware),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
