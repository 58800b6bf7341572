/* SPDX-License-Identifier: MIT
 *
 * record=: the log of a disk, and tests/guest/replay-disk, which makes images of it.
 */
#include "block_rig.h"

#include "backend/block_log.h"

#define IMAGE_BYTES (256u << 10)
#define TOOL "tests/guest/replay-disk"

struct recording {
	struct block_rig rig;
	char log[80], base[80], image[80];
};

static void start(struct recording *recording, struct block_options options)
{
	char command[256];

	block_rig_image(&recording->rig, IMAGE_BYTES);
	snprintf(recording->log, sizeof(recording->log), "%s.log", recording->rig.path);
	snprintf(recording->base, sizeof(recording->base), "%s.base", recording->rig.path);
	snprintf(recording->image, sizeof(recording->image), "%s.out", recording->rig.path);
	snprintf(command, sizeof(command), "cp %s %s", recording->rig.path, recording->base);
	assert_int_equal(system(command), 0);
	options.record = recording->log;
	block_rig_open(&recording->rig, options);
}

static void end(struct recording *recording)
{
	unlink(recording->rig.path);
	unlink(recording->log);
	unlink(recording->base);
	unlink(recording->image);
}

static void put(struct recording *recording, uint64_t sector, uint8_t value)
{
	uint8_t bytes[1024];
	struct iovec iov[2] = {{bytes, 24}, {bytes + 24, sizeof(bytes) - 24}};

	memset(bytes, value, sizeof(bytes));
	assert_int_equal(
		block_rig_run(&recording->rig, BLOCK_WRITE, sector * 512, iov, 2, sizeof(bytes)),
		0);
}

static void flush(struct recording *recording)
{
	assert_int_equal(block_rig_run(&recording->rig, BLOCK_FLUSH, 0, NULL, 0, 0), 0);
}

/* The exit status of the tool. */
static int replay(const struct recording *recording, const char *words)
{
	char command[1024];

	snprintf(command, sizeof(command), "%s %s %s %s >/dev/null 2>&1", TOOL, recording->base,
		 recording->log, words);
	return WEXITSTATUS(system(command));
}

/* The first bytes of the image at this position, in sectors 0, 2, 4, … of it. */
static void look(const struct recording *recording, const char *position, uint8_t *seen,
		 unsigned count)
{
	char words[160];
	int fd;

	snprintf(words, sizeof(words), "--image %s %s", position, recording->image);
	assert_int_equal(replay(recording, words), 0);
	fd = open(recording->image, O_RDONLY);
	assert_true(fd >= 0);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(pread(fd, &seen[i], 1, i * 1024), 1);
	close(fd);
}

static void test_positions(void **state)
{
	struct recording recording;
	char command[256];
	uint8_t seen[3];

	(void)state;
	start(&recording, (struct block_options){.cache = BLOCK_CACHE_WRITEBACK});
	put(&recording, 0, 1); /* records 1 and 2 */
	flush(&recording);     /* 3, 4 */
	put(&recording, 2, 2); /* 5, 6 */
	put(&recording, 4, 3); /* 7, 8 */
	assert_int_equal(block_rig_run(&recording.rig, BLOCK_WRITE_ZEROES, 0, NULL, 0, 1024),
			 0); /* 9, 10 */
	block_rig_close(&recording.rig);

	static const struct {
		const char *position;
		uint8_t sees[3];
	} row[] = {
		{"0", {0, 0, 0}},    {"1", {1, 0, 0}},	  {"2:0", {0, 0, 0}}, {"2:1", {1, 0, 0}},
		{"3:0", {0, 0, 0}},  {"4:0", {1, 0, 0}},  {"6:0", {1, 0, 0}}, {"6:1", {1, 2, 0}},
		{"10:0", {1, 0, 0}}, {"10:1", {0, 2, 3}}, {"10", {0, 2, 3}},  {"8", {1, 2, 3}},
	};
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++) {
		look(&recording, row[i].position, seen, 3);
		if (memcmp(seen, row[i].sees, 3) != 0)
			fail_msg("at %s: %u %u %u", row[i].position, seen[0], seen[1], seen[2]);
	}
	/* All of it is what the disk was in the end. */
	snprintf(command, sizeof(command), "cmp %s %s", recording.rig.path, recording.image);
	look(&recording, "10", seen, 1);
	assert_int_equal(system(command), 0);
	assert_int_equal(replay(&recording, "--list"), 0);
	assert_int_equal(replay(&recording, "--positions flushes -- true"), 0);
	assert_int_equal(replay(&recording, "-- false"), 1);
	assert_int_equal(replay(&recording, ""), 2);
	assert_int_equal(replay(&recording, "--positions some -- true"), 2);
	end(&recording);
}

/* A guest that makes a file durable before it says so, in each cache mode: values appear in sectors 0, 2, 4, …, the
 * mark in sector 100. The check reads both and knows nothing else. */
#define CHECK                                                                                \
	"-- python3 -c 'import sys; d = open(sys.argv[1], \"rb\").read(); mark = d[51200]; " \
	"sys.exit(any(d[i * 1024] != i + 1 for i in range(mark)))'"

static int durable(struct block_options options, bool with_flush)
{
	struct recording recording;
	int status;

	start(&recording, options);
	for (uint8_t i = 0; i < 8; i++) {
		put(&recording, 2 * i, i + 1);
		if (with_flush)
			flush(&recording);
		put(&recording, 100, i + 1);
	}
	block_rig_close(&recording.rig);
	status = replay(&recording, "--subsets 6 --positions 12 " CHECK);
	end(&recording);
	return status;
}

static void test_durability(void **state)
{
	(void)state;
	assert_int_equal(durable((struct block_options){.cache = BLOCK_CACHE_WRITEBACK}, true), 0);
	assert_int_equal(durable((struct block_options){.snapshot = true}, true), 0);
	assert_int_equal(durable((struct block_options){.cache = BLOCK_CACHE_WRITETHROUGH}, false),
			 0);
	/* … and where it must not be true, the tool finds it. */
	assert_int_equal(durable((struct block_options){.cache = BLOCK_CACHE_WRITEBACK}, false), 1);
	assert_int_equal(durable((struct block_options){.cache = BLOCK_CACHE_UNSAFE}, true), 1);
}

/* A log that ends in the middle of a record, that is none, that is another disk's. */
static void test_bad_logs(void **state)
{
	struct recording recording;
	uint8_t seen[2];

	(void)state;
	start(&recording, (struct block_options){.cache = BLOCK_CACHE_WRITEBACK});
	put(&recording, 0, 1);
	put(&recording, 2, 2);
	block_rig_close(&recording.rig);
	/* Header, write with data, done, write with half of its data. */
	assert_int_equal(truncate(recording.log, 32 + 32 + 1024 + 32 + 32 + 512), 0);
	look(&recording, "2", seen, 2);
	assert_int_equal(seen[0], 1);
	look(&recording, "9", seen, 2);
	assert_int_equal(seen[1], 0);
	assert_int_equal(truncate(recording.base, 512), 0);
	assert_int_equal(replay(&recording, "-- true"), 2);
	assert_int_equal(truncate(recording.log, 10), 0);
	assert_int_equal(replay(&recording, "--list"), 2);
	end(&recording);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_positions),
		cmocka_unit_test(test_durability),
		cmocka_unit_test(test_bad_logs),
	};

	return cmocka_run_group_tests_name("block log", tests, NULL, NULL);
}
