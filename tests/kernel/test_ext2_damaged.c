/* SPDX-License-Identifier: MIT
 *
 * ext2 images with damage: mounting refuses, or all that can be reached is read, written and removed;
 * nothing crashes, hangs, or touches what isn't the file system's. EXT2_IMAGES=n: so many images (10,000 is
 * what a change to the file system should survive), EXT2_SEED=n: from there on, EXT2_SAVE=FILE: the images go
 * there instead, one behind the other, for tests/guest/run-guest-disks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <unistd.h>

#include "guest/lib/print.h"
#include "tests/kernel/ext2_rig.h"

#define IMAGES_DEFAULT 400
#define KINDS 3
#define IMAGE_BYTES (512u << 10)
#define DEPTH_MAX 6
#define VISITS_MAX 400
#define READ_MAX (256u << 10)
#define SEED_STEP 0x9e3779b97f4a7c15ull

static uint8_t good[KINDS][IMAGE_BYTES], damaged[IMAGE_BYTES];
static uint64_t seed;
static unsigned visits, mounted, refused;

static uint32_t random_below(uint32_t limit)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % limit;
}

/* Small files, a large one with holes, links, a few directories. */
static void fill(void)
{
	static char data[60000];
	struct inode *inode;

	memset(data, 'd', sizeof data);
	assert_int_equal(0, rig_make("dir", RIG_DIR, NULL));
	assert_int_equal(0, rig_make("dir/sub", RIG_DIR, NULL));
	assert_int_equal(0, rig_make("dir/sub/deep", RIG_FILE, NULL));
	assert_int_equal(0, rig_make("file", RIG_FILE, NULL));
	assert_int_equal(0, rig_link("file", "dir/hard"));
	assert_int_equal(0, rig_make("fast", RIG_LINK, "dir/sub"));
	memset(data, 'l', 200);
	data[200] = 0;
	assert_int_equal(0, rig_make("slow", RIG_LINK, data));
	data[200] = 'd';
	assert_int_equal(0, rig_make("node", RIG_SPECIAL, NULL));
	assert_int_equal(0, rig_find("file", &inode));
	assert_int_equal(sizeof data, rig_io(inode, data, sizeof data, 0, true));
	assert_int_equal(5000, rig_io(inode, data, 5000, 400000, true));
	inode_put(inode);
}

static int make_images(void **state)
{
	static const char *const options[KINDS] = {"-b 1024 -g 256", "-b 2048", "-b 4096"};
	char name[64], command[256];

	(void)state;
	snprintf(name, sizeof name, "/tmp/vitrine-test-damage.%d", getpid());
	for (unsigned i = 0; i < KINDS; i++) {
		FILE *file;

		snprintf(command, sizeof command,
			 "truncate -s %u %s && mke2fs -q -F -t ext2 %s %s 2>/dev/null", IMAGE_BYTES,
			 name, options[i], name);
		assert_int_equal(0, system(command));
		file = fopen(name, "rb");
		assert_int_equal(IMAGE_BYTES, fread(good[i], 1, IMAGE_BYTES, file));
		fclose(file);
		unlink(name);
		ram_disk_insert(good[i], IMAGE_BYTES);
		assert_int_equal(0, rig_mount(false));
		fill();
		rig_unmount();
		memcpy(good[i], ram_disk.bytes, IMAGE_BYTES);
	}
	return 0;
}

/* One damaged word, byte, bit, or block, more likely where metadata is. */
static void damage_once(uint32_t area)
{
	static const uint32_t value[] = {0,	     1,		 2,	     0x7fffffff,
					 0x80000000, 0xffffffff, 0xfffffffe, 0x10000};
	const uint32_t at = area + random_below(random_below(3) ? 2048 : 60000) / 4 * 4;

	if (at + 4 > IMAGE_BYTES)
		return;
	switch (random_below(6)) {
	case 0: damaged[at] ^= (uint8_t)(1u << random_below(8)); break;
	case 1: damaged[at + random_below(4)] = (uint8_t)random_below(256); break;
	case 2: memcpy(damaged + at, &value[random_below(8)], 4); break;
	case 3: memset(damaged + at, random_below(2) ? 0xff : 0, 4 << random_below(6)); break;
	case 4: memcpy(damaged + at, &(uint32_t){random_below(600)}, 4); break;
	default: /* a pointer to what is elsewhere */
		memcpy(damaged + at, damaged + random_below(IMAGE_BYTES / 4) * 4, 4);
		break;
	}
}

static void damage(unsigned kind)
{
	static const uint32_t area[] = {1024, 1024, 2048, 4096, 8192, 20480, 40960, 0};

	memcpy(damaged, good[kind], IMAGE_BYTES);
	for (uint32_t n = 1 + random_below(6); n; n--)
		damage_once(area[random_below(8)]);
}

/* --- everything that can be done to what is found */
struct names {
	char name[32][64];
	unsigned count;
};

static void note(void *context, const char *name, size_t length, uint64_t number)
{
	struct names *names = context;

	(void)number;
	visits++;
	if (names->count == 32 || length >= 64 || !length || (name[0] == '.' && length < 3))
		return;
	memcpy(names->name[names->count], name, length);
	names->name[names->count++][length] = 0;
}

static void read_all(struct inode *inode)
{
	static char data[READ_MAX];
	const uint64_t last = inode->size > READ_MAX ? inode->size - 100 : 0;

	rig_io(inode, data, sizeof data, 0, false);
	rig_io(inode, data, sizeof data, last, false);
}

static void visit(struct inode *inode, unsigned depth)
{
	static char target[4096];
	struct names names = {.count = 0};

	if (++visits > VISITS_MAX || depth > DEPTH_MAX)
		return;
	if ((inode->mode & S_IFMT) == S_IFREG)
		read_all(inode);
	if ((inode->mode & S_IFMT) == S_IFLNK)
		inode->operations->read_link(inode, target, sizeof target);
	if (!rig_is_dir(inode))
		return;
	rig_list(inode, note, &names);
	for (unsigned i = 0; i < names.count; i++) {
		struct inode *child;

		if (inode->operations->lookup(inode, names.name[i], strlen(names.name[i]), &child))
			continue;
		if (child != inode)
			visit(child, depth + 1);
		inode_put(child);
	}
}

static void change(void)
{
	static char data[20000];
	struct inode *inode;

	rig_make("new", RIG_FILE, NULL);
	rig_make("new-dir", RIG_DIR, NULL);
	rig_make("dir/sub/new", RIG_FILE, NULL);
	if (!rig_find("new", &inode)) {
		if ((inode->mode & S_IFMT) == S_IFREG) {
			rig_io(inode, data, sizeof data, 0, true);
			rig_truncate(inode, 3000);
		}
		inode_put(inode);
	}
	if (!rig_find("file", &inode)) {
		if ((inode->mode & S_IFMT) == S_IFREG) {
			rig_io(inode, data, sizeof data, 50000, true);
			rig_truncate(inode, 15000);
		}
		inode_put(inode);
	}
	rig_rename("dir/hard", "moved");
	rig_remove("file");
	rig_remove("slow");
	rig_remove("moved");
	rig_remove("dir/sub/deep");
	rig_remove("dir/sub");
	rig_super->operations->sync(rig_super);
}

static void try_image(void)
{
	const uint64_t used = page_free_count();
	struct inode *root;

	visits = 0;
	ram_disk_insert(damaged, IMAGE_BYTES);
	if (rig_mount(false)) {
		refused++;
		assert_memory_equal(damaged, ram_disk.bytes, IMAGE_BYTES);
	} else {
		mounted++;
		root = rig_root();
		visit(root, 0);
		inode_put(root);
		change();
		rig_unmount();
	}
	/* all pages are back, but for a few that slabs keep */
	assert_true(page_free_count() + 64 > used);
}

static unsigned number_of(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);

	return text ? (unsigned)strtoul(text, NULL, 0) : otherwise;
}

static void save_images(const char *name, unsigned first, unsigned count)
{
	FILE *file = fopen(name, "wb");

	assert_non_null(file);
	for (unsigned i = first; i < first + count; i++) {
		seed = i * SEED_STEP;
		damage(i % KINDS);
		assert_int_equal(IMAGE_BYTES, fwrite(damaged, 1, IMAGE_BYTES, file));
	}
	assert_int_equal(0, fclose(file));
}

static void test_damaged_images(void **state)
{
	const unsigned count = number_of("EXT2_IMAGES", IMAGES_DEFAULT);
	const unsigned first = number_of("EXT2_SEED", 1);

	(void)state;
	if (getenv("EXT2_SAVE")) {
		save_images(getenv("EXT2_SAVE"), first, count);
		return;
	}
	print_console_level = LOG_EMERGENCY;
	for (unsigned i = first; i < first + count; i++) {
		seed = i * SEED_STEP;
		if (getenv("EXT2_SEED"))
			fprintf(stderr, "image %u\n", i);
		damage(i % KINDS);
		try_image();
	}
	print_message("%u images mounted, %u refused\n", mounted, refused);
	assert_true(mounted > count / 10);
	assert_true(refused > count / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_damaged_images)};

	return cmocka_run_group_tests(tests, make_images, NULL);
}
