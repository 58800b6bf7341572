/* SPDX-License-Identifier: MIT
 *
 * Requests that fail: the guest gets an error, the host one line per kind, and the next request works.
 */
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "block_rig.h"

#include "backend/block_errors.h"

/* Standard error goes to a file until finish() gives what was written. */
struct listener {
	int before, file;
};

static struct listener listen_to_stderr(void)
{
	struct listener listener = {.before = dup(2), .file = fileno(tmpfile())};

	dup2(listener.file, 2);
	return listener;
}

static unsigned finish(struct listener *listener, char *text, size_t size)
{
	ssize_t n = pread(listener->file, text, size - 1, 0);
	unsigned lines = 0;

	dup2(listener->before, 2);
	close(listener->before);
	assert_true(n >= 0);
	text[n] = '\0';
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	return lines;
}

#define IMAGE_BYTES (1u << 20)

static const struct block_options ways[] = {
	{.aio = BLOCK_AIO_AUTO},
	{.aio = BLOCK_AIO_THREADS},
	{.aio = BLOCK_AIO_AUTO, .cache = BLOCK_CACHE_NONE},
	{.aio = BLOCK_AIO_THREADS, .cache = BLOCK_CACHE_NONE},
};
#define WAYS (sizeof(ways) / sizeof(*ways))

/* A limit on file sizes: writes behind it give EFBIG, and no signal ends the process. */
static void test_write_error(void **state)
{
	struct rlimit before, limit;
	uint8_t *memory = aligned_alloc(4096, 8192);

	(void)state;
	assert_non_null(memory);
	memset(memory, 1, 8192);
	for (unsigned i = 0; i < WAYS; i++) {
		struct listener listener = listen_to_stderr();
		struct block_rig rig;
		char text[1024];

		block_rig_image(&rig, IMAGE_BYTES);
		block_rig_open(&rig, ways[i]);
		getrlimit(RLIMIT_FSIZE, &before);
		limit = (struct rlimit){.rlim_cur = 524288, .rlim_max = before.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		for (int j = 0; j < 5; j++)
			assert_int_equal(block_rig_move(&rig, BLOCK_WRITE, 786432, memory, 8192),
					 -EFBIG);
		/* Half of it fits: no success. */
		assert_int_equal(block_rig_move(&rig, BLOCK_WRITE, 520192, memory, 8192), -EFBIG);
		assert_int_equal(block_rig_move(&rig, BLOCK_WRITE, 4096, memory, 8192), 0);
		assert_int_equal(block_rig_move(&rig, BLOCK_READ, 786432, memory, 8192), 0);
		setrlimit(RLIMIT_FSIZE, &before);
		assert_int_equal(block_get_counters(rig.block).errors, 6);
		block_rig_close(&rig);
		unlink(rig.path);
		assert_int_equal(finish(&listener, text, sizeof(text)), 1);
		if (!strstr(text, "write at 768.0 KiB (byte 786432): File too large"))
			fail_msg("%s", text);
	}
	free(memory);
}

/* Somebody cuts the image off under a running VM. */
static void test_cut_image(void **state)
{
	uint8_t *memory = aligned_alloc(4096, 8192);

	(void)state;
	assert_non_null(memory);
	for (unsigned i = 0; i < WAYS; i++) {
		struct listener listener = listen_to_stderr();
		struct block_rig rig;
		char text[1024];

		block_rig_image(&rig, IMAGE_BYTES);
		block_rig_open(&rig, ways[i]);
		assert_int_equal(truncate(rig.path, 4096), 0);
		assert_int_equal(block_rig_move(&rig, BLOCK_READ, 0, memory, 8192), -EIO);
		assert_int_equal(block_rig_move(&rig, BLOCK_READ, 8192, memory, 4096), -EIO);
		assert_int_equal(block_rig_move(&rig, BLOCK_READ, 0, memory, 4096), 0);
		block_rig_close(&rig);
		unlink(rig.path);
		assert_int_equal(finish(&listener, text, sizeof(text)), 1);
		assert_non_null(strstr(text, "read at 0 bytes (byte 0): Input/output error"));
	}
	free(memory);
}

static void test_read_only(void **state)
{
	struct listener listener = listen_to_stderr();
	uint8_t sector[512] = {0};
	struct block_rig rig;
	char text[1024];

	(void)state;
	block_rig_image(&rig, IMAGE_BYTES);
	block_rig_open(&rig, (struct block_options){.read_only = true});
	assert_int_equal(block_rig_move(&rig, BLOCK_WRITE, 0, sector, 512), -EROFS);
	assert_int_equal(block_rig_run(&rig, BLOCK_DISCARD, 0, NULL, 0, 512), -EROFS);
	assert_int_equal(block_rig_run(&rig, BLOCK_WRITE_ZEROES, 0, NULL, 0, 512), -EROFS);
	assert_int_equal(block_rig_run(&rig, BLOCK_FLUSH, 0, NULL, 0, 0), 0);
	assert_int_equal(block_rig_move(&rig, BLOCK_READ, 0, sector, 512), 0);
	block_rig_close(&rig);
	unlink(rig.path);
	assert_int_equal(finish(&listener, text, sizeof(text)), 3);
}

/* A full file system, for the image (a sparse one) and for a snapshot of it. */
static void full(const char *folder, struct block_options options)
{
	struct listener listener = listen_to_stderr();
	struct block_rig rig;
	uint8_t *memory = aligned_alloc(4096, 65536);
	char text[1024];
	int errors = 0;

	assert_non_null(memory);
	memset(memory, 1, 65536);
	snprintf(rig.path, sizeof(rig.path), "%s/image", folder);
	assert_int_equal(close(open(rig.path, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(truncate(rig.path, IMAGE_BYTES), 0);
	block_rig_open(&rig, options);
	for (unsigned at = 0; at < IMAGE_BYTES; at += 65536) {
		int err = block_rig_move(&rig, BLOCK_WRITE, at, memory, 65536);

		assert_true(err == 0 || err == -ENOSPC);
		errors += err != 0;
	}
	assert_in_range(errors, 2, 15);
	/* Room again. */
	assert_int_equal(block_rig_run(&rig, BLOCK_DISCARD, 0, NULL, 0, IMAGE_BYTES), 0);
	assert_int_equal(block_rig_move(&rig, BLOCK_WRITE, 0, memory, 65536), 0);
	assert_int_equal(block_rig_move(&rig, BLOCK_READ, IMAGE_BYTES / 2, memory, 65536), 0);
	block_rig_close(&rig);
	unlink(rig.path);
	assert_int_equal(finish(&listener, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "No space left on device; make room on the host"));
	free(memory);
}

static void test_no_space(void **state)
{
	char folder[] = "/var/tmp/vitrine-test-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(folder));
	/* In a mount namespace of this process: nothing stays mounted, however it ends. */
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", folder, "tmpfs", 0, "size=512k") < 0) {
		rmdir(folder);
		print_message("no permission to mount a small file system\n");
		skip();
	}
	full(folder, ways[0]);
	full(folder, ways[1]);
	setenv("TMPDIR", folder, 1);
	full(folder, (struct block_options){.snapshot = true});
	unsetenv("TMPDIR");
	umount(folder);
	rmdir(folder);
}

static void test_words(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} row[] = {{0, "0 bytes"},
		   {512, "512 bytes"},
		   {1024, "1.0 KiB"},
		   {1610612736, "1.5 GiB"},
		   {UINT64_MAX, "16.0 EiB"}};
	char text[32];

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++)
		assert_string_equal(block_errors_size(row[i].bytes, text, sizeof(text)),
				    row[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_error), cmocka_unit_test(test_cut_image),
		cmocka_unit_test(test_read_only),   cmocka_unit_test(test_no_space),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("block errors", tests, NULL, NULL);
}
