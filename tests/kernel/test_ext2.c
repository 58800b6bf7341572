/* SPDX-License-Identifier: MIT
 *
 * ext2 against images that mke2fs made: random operations beside a model, after which e2fsck finds
 * nothing and debugfs reads what was written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <unistd.h>

#include "tests/kernel/ext2_rig.h"

#define IMAGE "/tmp/vitrine-test-ext2.%d"
#define FILES_MAX 64
#define DATA_MAX (300u << 10)

static char image[64];

struct model {
	bool exists, is_dir;
	char path[64];
	uint8_t *data;
	size_t size;
};
static struct model model[FILES_MAX];
static uint64_t seed;

static uint32_t random_below(uint32_t limit)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % limit;
}

static int shell(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof command, format, args);
	va_end(args);
	return system(command);
}

static void make_image(unsigned kib, const char *options)
{
	static uint8_t bytes[64u << 20];
	FILE *file;

	snprintf(image, sizeof image, IMAGE, getpid());
	unlink(image);
	assert_int_equal(0, shell("truncate -s %uK %s && mke2fs -q -F -t ext2 %s %s 2>/dev/null",
				  kib, image, options, image));
	file = fopen(image, "rb");
	assert_non_null(file);
	assert_int_equal((uint64_t)kib << 10, fread(bytes, 1, (size_t)kib << 10, file));
	fclose(file);
	ram_disk_insert(bytes, (uint64_t)kib << 10);
}

static void store_image(void)
{
	FILE *file = fopen(image, "wb");

	assert_non_null(file);
	fwrite(ram_disk.bytes, 1, ram_disk.disk.sector_count * SECTOR_BYTES, file);
	fclose(file);
}

static void check_image(void)
{
	store_image();
	assert_int_equal(0, shell("e2fsck -f -n %s >%s.log 2>&1 || { cat %s.log; false; }", image,
				  image, image));
}

/* --- the model */
static void model_reset(void)
{
	for (unsigned i = 0; i < FILES_MAX; i++)
		free(model[i].data);
	memset(model, 0, sizeof model);
	/* 0 to 7: directories d0 … d7; the others: files below one of them or the root */
	for (unsigned i = 0; i < FILES_MAX; i++) {
		model[i].is_dir = i < 8;
		if (i < 8)
			snprintf(model[i].path, sizeof model[i].path, "d%u", i);
		else if (i % 3)
			snprintf(model[i].path, sizeof model[i].path, "d%u/file-%u", i % 8, i);
		else
			snprintf(model[i].path, sizeof model[i].path, "plain-%u", i);
	}
}

static struct model *parent_of(const struct model *m)
{
	return m->path[0] == 'd' && !m->is_dir ? &model[m->path[1] - '0'] : NULL;
}

static bool can_exist(const struct model *m)
{
	const struct model *parent = parent_of(m);

	return !parent || parent->exists;
}

static bool has_children(const struct model *m)
{
	bool found = false;

	for (unsigned i = 8; i < FILES_MAX; i++)
		found |= model[i].exists && parent_of(&model[i]) == m;
	return found;
}

static void step_make(struct model *m)
{
	const int error = rig_make(m->path, m->is_dir ? RIG_DIR : RIG_FILE, NULL);

	if (m->exists) {
		assert_int_equal(-EEXIST, error);
	} else if (!can_exist(m)) {
		assert_int_equal(-ENOENT, error);
	} else {
		assert_int_equal(0, error);
		m->exists = true;
		if (!m->data)
			m->data = calloc(1, DATA_MAX);
		memset(m->data, 0, DATA_MAX);
		m->size = 0;
	}
}

static void step_remove(struct model *m)
{
	const int error = rig_remove(m->path);

	if (!m->exists) {
		assert_int_equal(-ENOENT, error);
	} else if (m->is_dir && has_children(m)) {
		assert_int_equal(-ENOTEMPTY, error);
	} else {
		assert_int_equal(0, error);
		m->exists = false;
	}
}

static void step_write(struct model *m)
{
	static uint8_t data[40000];
	const uint32_t at = random_below(DATA_MAX - sizeof data);
	const uint32_t bytes = 1 + random_below(random_below(4) ? 3000 : sizeof data - 1);
	struct inode *inode;

	if (!m->exists || m->is_dir)
		return;
	for (uint32_t i = 0; i < bytes; i++)
		data[i] = (uint8_t)random_below(256);
	assert_int_equal(0, rig_find(m->path, &inode));
	assert_int_equal(bytes, rig_io(inode, data, bytes, at, true));
	inode_put(inode);
	memcpy(m->data + at, data, bytes);
	if (at + bytes > m->size)
		m->size = at + bytes;
}

static void step_truncate(struct model *m)
{
	const uint32_t size = random_below(DATA_MAX);
	struct inode *inode;

	if (!m->exists || m->is_dir)
		return;
	assert_int_equal(0, rig_find(m->path, &inode));
	assert_int_equal(0, rig_truncate(inode, size));
	inode_put(inode);
	if (size < m->size)
		memset(m->data + size, 0, m->size - size);
	m->size = size;
}

static void step_rename(struct model *m, struct model *to)
{
	int error;

	if (m->is_dir || to->is_dir || m == to)
		return;
	error = rig_rename(m->path, to->path);
	if (!m->exists || !can_exist(to)) {
		assert_true(error < 0);
		return;
	}
	assert_int_equal(0, error);
	uint8_t *data = to->data;

	to->data = m->data;
	to->size = m->size;
	to->exists = true;
	m->data = data;
	m->exists = false;
}

static void check_file(const struct model *m)
{
	static uint8_t data[DATA_MAX + 1];
	struct inode *inode;
	const int error = rig_find(m->path, &inode);

	if (!m->exists) {
		assert_true(error < 0);
		return;
	}
	assert_int_equal(0, error);
	if (!m->is_dir) {
		assert_int_equal(m->size, inode->size);
		assert_int_equal(m->size, rig_io(inode, data, sizeof data, 0, false));
		assert_memory_equal(m->data, data, m->size);
	}
	inode_put(inode);
}

static void steps(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct model *m = &model[random_below(FILES_MAX)];

		switch (random_below(8)) {
		case 0:
		case 1: step_make(m); break;
		case 2: step_remove(m); break;
		case 3: step_truncate(m); break;
		case 4: step_rename(m, &model[random_below(FILES_MAX)]); break;
		case 5: check_file(m); break;
		default: step_write(m); break;
		}
	}
}

static void check_by_debugfs(const struct model *m)
{
	static uint8_t data[DATA_MAX + 1];
	FILE *file;

	if (!m->exists || m->is_dir)
		return;
	assert_int_equal(
		0, shell("debugfs -R 'dump /%s %s.out' %s 2>/dev/null", m->path, image, image));
	snprintf((char *)data, sizeof data, "%s.out", image);
	file = fopen((char *)data, "rb");
	assert_non_null(file);
	assert_int_equal(m->size, fread(data, 1, sizeof data, file));
	fclose(file);
	assert_memory_equal(m->data, data, m->size);
}

static void run_against_model(const char *options, unsigned rounds)
{
	model_reset();
	make_image(16384, options);
	for (unsigned round = 0; round < rounds; round++) {
		assert_int_equal(0, rig_mount(false));
		for (unsigned i = 0; i < FILES_MAX; i++)
			check_file(&model[i]);
		steps(400);
		for (unsigned i = 0; i < FILES_MAX; i++)
			check_file(&model[i]);
		rig_unmount();
		check_image();
	}
	for (unsigned i = 0; i < FILES_MAX; i++)
		check_by_debugfs(&model[i]);
}

static void test_model_1k(void **state)
{
	(void)state;
	seed = 1;
	run_against_model("-b 1024", 4);
}

static void test_model_2k(void **state)
{
	(void)state;
	seed = 2;
	run_against_model("-b 2048 -g 2048", 4);
}

static void test_model_4k(void **state)
{
	(void)state;
	seed = 3;
	run_against_model("-b 4096", 4);
}

static void test_model_revision_0(void **state)
{
	(void)state;
	seed = 4;
	run_against_model("-b 1024 -r 0 -O none", 2);
}

static void test_links_and_nodes(void **state)
{
	char target[512];
	struct inode *inode;
	char read[512];

	(void)state;
	memset(target, 't', sizeof target);
	make_image(4096, "-b 1024");
	assert_int_equal(0, rig_mount(false));
	assert_int_equal(0, rig_make("file", RIG_FILE, NULL));
	assert_int_equal(0, rig_link("file", "hard"));
	assert_int_equal(0, rig_make("null", RIG_SPECIAL, NULL));
	for (unsigned i = 0; i < 3; i++) {
		static const unsigned length[3] = {59, 60, 500};
		char path[8] = {'l', (char)('0' + i)};

		target[length[i]] = 0;
		assert_int_equal(0, rig_make(path, RIG_LINK, target));
		target[length[i]] = 't';
		assert_int_equal(0, rig_find(path, &inode));
		assert_int_equal(length[i], inode->operations->read_link(inode, read, sizeof read));
		assert_memory_equal(target, read, length[i]);
		inode_put(inode);
	}
	rig_unmount();
	check_image();
	assert_int_equal(0, rig_mount(false));
	assert_int_equal(0, rig_find("null", &inode));
	assert_int_equal(S_IFCHR | 0600, inode->mode);
	assert_int_equal(0x0507, inode->rdev);
	inode_put(inode);
	assert_int_equal(0, rig_find("hard", &inode));
	assert_int_equal(2, inode->nlink);
	inode_put(inode);
	assert_int_equal(0, rig_remove("file"));
	assert_int_equal(0, rig_remove("hard"));
	assert_int_equal(0, rig_remove("l0"));
	assert_int_equal(0, rig_remove("l2"));
	assert_int_equal(0, rig_remove("null"));
	rig_unmount();
	check_image();
}

/* Enough names for several blocks; then every second one goes, and others take their room. */
static void test_large_directory(void **state)
{
	char path[64];

	(void)state;
	make_image(8192, "-b 1024 -N 2048");
	assert_int_equal(0, rig_mount(false));
	assert_int_equal(0, rig_make("dir", RIG_DIR, NULL));
	for (unsigned i = 0; i < 600; i++) {
		snprintf(path, sizeof path, "dir/a-rather-long-name-%u", i);
		assert_int_equal(0, rig_make(path, RIG_FILE, NULL));
	}
	for (unsigned i = 0; i < 600; i += 2) {
		snprintf(path, sizeof path, "dir/a-rather-long-name-%u", i);
		assert_int_equal(0, rig_remove(path));
	}
	for (unsigned i = 0; i < 300; i++) {
		snprintf(path, sizeof path, "dir/s%u", i);
		assert_int_equal(0, rig_make(path, RIG_FILE, NULL));
	}
	assert_int_equal(-ENOTEMPTY, rig_remove("dir"));
	rig_unmount();
	check_image();
}

/* A full disk says so, takes no block for what failed, and works again once there is room. */
static void test_full_disk(void **state)
{
	static uint8_t data[64u << 10];
	struct inode *inode;
	int64_t done;
	uint64_t at = 0;

	(void)state;
	memset(data, 'x', sizeof data);
	make_image(2048, "-b 1024");
	assert_int_equal(0, rig_mount(false));
	assert_int_equal(0, rig_make("big", RIG_FILE, NULL));
	assert_int_equal(0, rig_find("big", &inode));
	while ((done = rig_io(inode, data, sizeof data, at, true)) > 0)
		at += (uint64_t)done;
	assert_int_equal(-ENOSPC, done);
	assert_int_equal(at, inode->size);
	assert_true(at > 1u << 20);
	assert_int_equal(-ENOSPC, rig_make("dir", RIG_DIR, NULL));
	rig_super->operations->sync(rig_super);
	assert_int_equal(0, rig_truncate(inode, 1000));
	assert_int_equal(0, rig_make("dir", RIG_DIR, NULL));
	assert_int_equal(10, rig_io(inode, data, 10, 1u << 20, true));
	inode_put(inode);
	rig_unmount();
	check_image();
}

/* Through all levels of pointer blocks, with holes between; and beyond what a file can be. */
static void test_sparse_file(void **state)
{
	static const uint64_t place[] = {0,	      11 << 10,	   12 << 10,   267 << 10, 268 << 10,
					 65803 << 10, 65804 << 10, 1ull << 30, 1ull << 33};
	struct inode *inode;
	char byte;

	(void)state;
	make_image(4096, "-b 1024");
	assert_int_equal(0, rig_mount(false));
	assert_int_equal(0, rig_make("sparse", RIG_FILE, NULL));
	assert_int_equal(0, rig_find("sparse", &inode));
	for (unsigned i = 0; i < sizeof place / sizeof place[0]; i++) {
		byte = (char)('a' + i);
		assert_int_equal(1, rig_io(inode, &byte, 1, place[i], true));
	}
	assert_int_equal(-EFBIG, rig_io(inode, &byte, 1, 1ull << 40, true));
	inode_put(inode);
	rig_unmount();
	check_image();
	assert_int_equal(0, rig_mount(false));
	assert_int_equal(0, rig_find("sparse", &inode));
	for (unsigned i = 0; i < sizeof place / sizeof place[0]; i++) {
		assert_int_equal(1, rig_io(inode, &byte, 1, place[i], false));
		assert_int_equal('a' + i, byte);
		assert_int_equal(1, rig_io(inode, &byte, 1, place[i] + 1, false) == 1 &&
						    i + 1 == sizeof place / sizeof place[0]
					    ? 0
					    : 1);
	}
	inode_put(inode);
	assert_int_equal(0, rig_remove("sparse"));
	rig_unmount();
	check_image();
}

static void test_unknown_features(void **state)
{
	(void)state;
	make_image(4096, "-b 1024");
	struct ext2_super_block *sb = (void *)(ram_disk.bytes + EXT2_SUPER_OFFSET);

	sb->incompatible |= 0x40; /* extents */
	assert_int_equal(-EINVAL, rig_mount(false));
	sb->incompatible &= ~0x40u;
	sb->read_only_compatible |= 0x400;
	assert_int_equal(0, rig_mount(false));
	assert_true(rig_super->read_only);
	assert_int_equal(-EROFS, rig_make("file", RIG_FILE, NULL));
	rig_unmount();
}

static void test_disk_errors(void **state)
{
	static char data[100000];
	struct inode *inode;

	(void)state;
	make_image(4096, "-b 1024");
	assert_int_equal(0, rig_mount(false));
	assert_int_equal(0, rig_make("file", RIG_FILE, NULL));
	assert_int_equal(0, rig_find("file", &inode));
	assert_int_equal(sizeof data, rig_io(inode, data, sizeof data, 0, true));
	ram_disk.fail_from = ram_disk.requests + 1;
	assert_int_equal(-EIO, cache_write_back(&inode->cache, 0, UINT64_MAX));
	inode_put(inode);
	rig_unmount();
}

static int tidy(void **state)
{
	(void)state;
	shell("rm -f %s %s.log %s.out", image, image, image);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model_1k),	 cmocka_unit_test(test_model_2k),
		cmocka_unit_test(test_model_4k),	 cmocka_unit_test(test_model_revision_0),
		cmocka_unit_test(test_links_and_nodes),	 cmocka_unit_test(test_large_directory),
		cmocka_unit_test(test_full_disk),	 cmocka_unit_test(test_sparse_file),
		cmocka_unit_test(test_unknown_features), cmocka_unit_test(test_disk_errors),
	};

	return cmocka_run_group_tests(tests, NULL, tidy);
}
