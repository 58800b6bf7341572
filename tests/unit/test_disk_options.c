/* SPDX-License-Identifier: MIT
 *
 * --disk: what its words come to, and what is refused in which words.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/disk_options.h"

static struct disk_options parse(const char *text)
{
	struct disk_options options;
	char err[256] = "";

	if (disk_options_parse(text, &options, err, sizeof(err)) != 0)
		fail_msg("%s: %s", text, err);
	return options;
}

static void test_defaults(void **state)
{
	struct disk_options options = parse("disk.img");

	(void)state;
	assert_string_equal(options.block.path, "disk.img");
	assert_int_equal(options.block.cache, BLOCK_CACHE_WRITEBACK);
	assert_int_equal(options.block.aio, BLOCK_AIO_AUTO);
	assert_int_equal(options.model, DISK_MODEL_VIRTIO);
	assert_int_equal(options.transport, DISK_TRANSPORT_DEFAULT);
	assert_int_equal(options.queues, 0);
	assert_false(options.block.read_only || options.block.snapshot || options.block.seek_hdd);
	assert_null(options.id);
	disk_options_free(&options);
}

static void test_all_of_them(void **state)
{
	struct disk_options options = parse(
		"a,,b,,,ro,snapshot,cache=none,aio=threads,id=root,queues=3,iops=2K,bps=10M,"
		"seek=hdd,transport=pci,ring=split,record=log=1");

	(void)state;
	assert_string_equal(options.block.path, "a,b,");
	assert_true(options.block.read_only && options.block.snapshot && options.block.seek_hdd);
	assert_int_equal(options.block.cache, BLOCK_CACHE_NONE);
	assert_int_equal(options.block.aio, BLOCK_AIO_THREADS);
	assert_string_equal(options.id, "root");
	assert_int_equal(options.queues, 3);
	assert_int_equal(options.block.iops, 2048);
	assert_int_equal(options.block.bytes_per_s, 10 << 20);
	assert_int_equal(options.transport, DISK_TRANSPORT_PCI);
	assert_false(options.packed_ring);
	assert_string_equal(options.block.record, "log=1");
	disk_options_free(&options);
}

static void test_choices(void **state)
{
	static const struct {
		const char *text;
		enum block_cache cache;
		enum block_aio aio;
		enum disk_model model;
	} row[] = {
		{"d,cache=writeback,aio=auto", BLOCK_CACHE_WRITEBACK, BLOCK_AIO_AUTO,
		 DISK_MODEL_VIRTIO},
		{"d,cache=writethrough,aio=io_uring,model=ide-pio", BLOCK_CACHE_WRITETHROUGH,
		 BLOCK_AIO_URING, DISK_MODEL_IDE_PIO},
		{"d,cache=unsafe,model=ide-dma", BLOCK_CACHE_UNSAFE, BLOCK_AIO_AUTO,
		 DISK_MODEL_IDE_DMA},
		{"d,model=cdrom", BLOCK_CACHE_WRITEBACK, BLOCK_AIO_AUTO, DISK_MODEL_CDROM},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct disk_options options = parse(row[i].text);

		assert_int_equal(options.block.cache, row[i].cache);
		assert_int_equal(options.block.aio, row[i].aio);
		assert_int_equal(options.model, row[i].model);
		assert_int_equal(options.block.read_only, row[i].model == DISK_MODEL_CDROM);
		disk_options_free(&options);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} row[] = {
		{"", "a path is missing"},
		{",ro", "a path is missing"},
		{"d,cache=fast", "cache=fast: must be none, writeback, writethrough or unsafe"},
		{"d,cache", "cache=: must be"},
		{"d,aio=native", "aio=native: must be auto, io_uring or threads"},
		{"d,queues=0", "queues=0: must be a number from 1 to 16"},
		{"d,queues=17", "a number from 1 to 16"},
		{"d,queues=2x", "a number from 1 to 16"},
		{"d,iops=0", "a number a second"},
		{"d,bps=fast", "a number a second"},
		{"d,bps=-1", "a number a second"},
		{"d,seek=ssd", "seek=ssd: must be hdd"},
		{"d,model=scsi", "must be virtio, ide-pio, ide-dma or cdrom"},
		{"d,transport=isa", "must be pci or mmio"},
		{"d,ring=token", "must be packed or split"},
		{"d,format=vmdk", "must be raw or qcow2"},
		{"d,ro=1", "not known; allowed behind the path: ro, snapshot"},
		{"d,speed=9", "speed: not known; allowed"},
		{"d,,ro,", "not known; allowed"},
		{"d,model=ide-dma,queues=2", "are for model=virtio"},
		{"d,transport=mmio,queues=2", "use queues=1, or transport=pci"},
		{"d,record=", "record=: must be"},
		{"d.qcow2", "add format=qcow2"},
		{"d,format=qcow2,snapshot", "format=qcow2 goes with ro"},
		{"d,format=qcow2,iops=5", "format=qcow2 goes with ro"},
		{"d,format=qcow2,cache=unsafe", "format=qcow2 goes with ro"},
		{"d,format=qcow2,model=ide-dma", "needs model=virtio"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct disk_options options;
		char err[512] = "";

		assert_int_equal(disk_options_parse(row[i].text, &options, err, sizeof(err)),
				 -EINVAL);
		if (!strstr(err, row[i].says) || strchr(err, '\n'))
			fail_msg("%s: %s", row[i].text, err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_of_them),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("disk options", tests, NULL, NULL);
}
