/* SPDX-License-Identifier: MIT
 *
 * The cache of unpacked kernels: hits, every kind of damage, writers that race, its limit; and the
 * two sums it stands on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "boot/hash.h"
#include "boot/kernel_cache.h"
#include "boot_images.h"
#include "memory_map.h"

#define MIB (1ULL << 20)

/* A cache directory of its own for each test. */
struct cache {
	char dir[32];
	struct blob elf, image;
};

static int setup(void **state)
{
	struct cache *cache = calloc(1, sizeof *cache);

	strcpy(cache->dir, "/tmp/vitrine-test-XXXXXX");
	if (!mkdtemp(cache->dir))
		return -1;
	cache->elf = make_elf(WITH_PVH);
	cache->image = make_packed_bzimage(PAYLOAD_LZ4, &cache->elf);
	*state = cache;
	return 0;
}

/* Counts files of a suffix; entry, if not NULL, gets the path of one. */
static unsigned count_files(const struct cache *cache, const char *needle, char *entry)
{
	DIR *listing = opendir(cache->dir);
	unsigned count = 0;

	for (struct dirent *file; (file = readdir(listing));)
		if (file->d_name[0] != '.' && strstr(file->d_name, needle)) {
			count++;
			if (entry)
				snprintf(entry, 320, "%s/%s", cache->dir, file->d_name);
		}
	closedir(listing);
	return count;
}

static int teardown(void **state)
{
	struct cache *cache = *state;
	char path[320];

	while (count_files(cache, "", path))
		unlink(path);
	rmdir(cache->dir);
	free(cache->elf.bytes);
	free(cache->image.bytes);
	free(cache);
	return 0;
}

static struct rig *boot(const struct cache *cache, const struct blob *image, bool expect_hit)
{
	struct rig *rig = rig_new(image, 64 * MIB);

	rig->options.cache_dir = cache->dir;
	assert_int_equal(rig_boot(rig), 0);
	assert_int_equal(rig->report.cache_hit, expect_hit);
	return rig;
}

static void boot_default(const struct cache *cache, bool expect_hit)
{
	struct rig *rig = boot(cache, &cache->image, expect_hit);

	assert_true(rig_has_kernel(rig, &cache->elf, 0));
	assert_true(rig->entry.rip == KERNEL_ENTRY);
	assert_true(rig->report.kernel_bytes == KERNEL_SPAN);
	rig_free(rig);
}

static void test_hit(void **state)
{
	struct cache *cache = *state;
	char path[320];

	boot_default(cache, false);
	assert_int_equal(count_files(cache, ".kernel", path), 1);
	assert_int_equal(count_files(cache, "tmp-", NULL), 0);
	boot_default(cache, true);
	boot_default(cache, true);
	assert_int_equal(count_files(cache, "", NULL), 2); /* the entry and the key */
}

/* Same length, same header, one byte apart: another kernel. */
static void test_content_decides(void **state)
{
	struct cache *cache = *state;
	struct blob elf = make_elf(WITH_PVH), other;
	struct rig *rig;

	boot_default(cache, false);
	for (size_t at = KERNEL_TEXT_OFFSET + 64; at < KERNEL_TEXT_OFFSET + 0x1000; at += 333) {
		elf.bytes[at] ^= 1;
		other = make_packed_bzimage(PAYLOAD_LZ4, &elf);
		rig = boot(cache, &other, false);
		assert_true(rig_has_kernel(rig, &elf, 0));
		rig_free(rig);
		rig = boot(cache, &other, true);
		assert_true(rig_has_kernel(rig, &elf, 0));
		rig_free(rig);
		free(other.bytes);
	}
	boot_default(cache, true);
	free(elf.bytes);
}

/* Every field of the header, and data: what is wrong is noticed, the boot succeeds, the entry is
 * whole again. */
static void test_damage(void **state)
{
	struct cache *cache = *state;
	char path[320];
	struct stat status;

	boot_default(cache, false);
	assert_int_equal(count_files(cache, ".kernel", path), 1);
	assert_int_equal(stat(path, &status), 0);
	for (off_t at = 0; at < status.st_size; at += at < 200 ? 3 : 251) {
		uint8_t byte;
		int fd = open(path, O_RDWR);

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x10;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		boot_default(cache, false);
		boot_default(cache, true);
	}
}

static void test_truncated(void **state)
{
	struct cache *cache = *state;
	static const long cut[] = {0, 1, 100, 4095, 4096, 4097, 8192, -4096, -1, 1 << 20};
	char path[320];
	struct stat status;

	boot_default(cache, false);
	assert_int_equal(count_files(cache, ".kernel", path), 1);
	assert_int_equal(stat(path, &status), 0);
	for (unsigned i = 0; i < sizeof cut / sizeof cut[0]; i++) {
		assert_int_equal(truncate(path, cut[i] < 0 ? status.st_size + cut[i] : cut[i]), 0);
		boot_default(cache, false);
		boot_default(cache, true);
	}
}

/* A page of zeros, as a power cut leaves it; pages that changed places. */
static void test_torn(void **state)
{
	struct cache *cache = *state;
	uint8_t a[4096], b[4096], zeros[4096] = {0};
	char path[320];
	int fd;

	boot_default(cache, false);
	count_files(cache, ".kernel", path);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, zeros, 4096, 4096), 4096);
	close(fd);
	boot_default(cache, false);
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, a, 4096, 4096), 4096);
	assert_int_equal(pread(fd, b, 4096, 8192), 4096);
	assert_int_equal(pwrite(fd, b, 4096, 4096), 4096);
	assert_int_equal(pwrite(fd, a, 4096, 8192), 4096);
	close(fd);
	boot_default(cache, false);
	boot_default(cache, true);
}

static void test_key(void **state)
{
	struct cache *cache = *state;
	char path[64];

	boot_default(cache, false);
	snprintf(path, sizeof path, "%s/key", cache->dir);
	assert_int_equal(unlink(path), 0);
	boot_default(cache, false); /* a new key, so a new name */
	boot_default(cache, true);
	assert_int_equal(truncate(path, 100), 0);
	boot_default(cache, false);
	boot_default(cache, true);
	assert_int_equal(count_files(cache, ".kernel", NULL), 3);
}

static void test_unusable_directory(void **state)
{
	struct cache *cache = *state;
	static const char *const dir[] = {"/nonexistent/cache", "/dev/null", "/proc/self", ""};
	struct rig *rig;

	for (unsigned i = 0; i < sizeof dir / sizeof dir[0]; i++) {
		rig = rig_new(&cache->image, 64 * MIB);
		rig->options.cache_dir = dir[i];
		assert_int_equal(rig_boot(rig), 0);
		assert_false(rig->report.cache_hit);
		assert_true(rig_has_kernel(rig, &cache->elf, 0));
		rig_free(rig);
	}
}

static int unlink_key(const struct cache *cache)
{
	char path[64];

	snprintf(path, sizeof path, "%s/key", cache->dir);
	return unlink(path);
}

static void *boot_many(void *ctx)
{
	struct cache *cache = ctx;

	for (unsigned i = 0; i < 20; i++) {
		struct rig *rig = rig_new(&cache->image, 64 * MIB);
		char path[320];

		rig->options.cache_dir = cache->dir;
		if (rig_boot(rig) || !rig_has_kernel(rig, &cache->elf, 0))
			abort();
		rig_free(rig);
		if (i % 5 == 4 && count_files(cache, ".kernel", path))
			unlink(path); /* and somebody evicts */
	}
	return NULL;
}

static void test_two_writers(void **state)
{
	struct cache *cache = *state;
	pthread_t thread[4];

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, boot_many, cache), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(count_files(cache, "tmp-", NULL), 0);
	assert_true(count_files(cache, ".kernel", NULL) <= 1);
}

static void add_entry(const struct cache *cache, const struct gmem *mem, uint64_t number,
		      uint64_t limit)
{
	struct kernel_id id = {.hash = {{number, number}}, .len_bytes = 1000};
	struct kernel_layout layout = {.gpa = GPA_HIGH_RAM,
				       .span_bytes = MIB,
				       .entry_gpa = GPA_HIGH_RAM,
				       .run_count = 1,
				       .run = {{.gpa = GPA_HIGH_RAM, .len_bytes = MIB - 4096}}};
	char path[320];

	assert_int_equal(kernel_cache_add(cache->dir, &id, &layout, mem, 0, NULL, limit), 0);
	/* Entries are aged artificially: the higher the number, the younger. */
	snprintf(path, sizeof path, "%s/%016llx%016llx-3e8.kernel", cache->dir,
		 (unsigned long long)number, (unsigned long long)number);

	struct timespec times[2] = {{.tv_sec = 1000 + (long)number},
				    {.tv_sec = 1000 + (long)number}};

	utimensat(AT_FDCWD, path, times, 0);
}

static bool has_entry(const struct cache *cache, uint64_t number)
{
	struct kernel_id id = {.hash = {{number, number}}, .len_bytes = 1000};
	struct kernel_layout layout;
	int fd = kernel_cache_open(cache->dir, &id, &layout);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Each entry here has 1 MiB; the newest always stays. */
static void test_limit(void **state)
{
	struct cache *cache = *state;
	struct gmem mem;

	assert_int_equal(gmem_create(&mem, 4 * MIB, GMEM_ANONYMOUS), 0);
	for (uint64_t i = 1; i <= 5; i++)
		add_entry(cache, &mem, i, 3 * MIB);
	assert_int_equal(count_files(cache, ".kernel", NULL), 3);
	assert_false(has_entry(cache, 1) || has_entry(cache, 2));
	assert_true(has_entry(cache, 3)); /* a use makes it young */
	add_entry(cache, &mem, 6, 3 * MIB);
	assert_true(has_entry(cache, 3) && has_entry(cache, 5) && has_entry(cache, 6));
	assert_false(has_entry(cache, 4));
	gmem_destroy(&mem);
}

static void test_old_temporaries(void **state)
{
	struct cache *cache = *state;
	char old_path[320], new_path[320];
	struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

	snprintf(old_path, sizeof old_path, "%s/tmp-0123", cache->dir);
	snprintf(new_path, sizeof new_path, "%s/tmp-4567", cache->dir);
	close(open(old_path, O_CREAT | O_WRONLY, 0600));
	close(open(new_path, O_CREAT | O_WRONLY, 0600));
	utimensat(AT_FDCWD, old_path, times, 0);
	boot_default(cache, false);
	assert_int_equal(access(old_path, F_OK), -1);
	assert_int_equal(access(new_path, F_OK), 0);
}

/* --- files that are known --- */

/* Any difference in a file's identity makes it unknown; a file changed a moment ago isn't
 * remembered. */
static void test_identity(void **state)
{
	struct cache *cache = *state;
	const struct kernel_id id = {.hash = {{9, 9}}, .len_bytes = 1000};
	const struct stat file = {.st_dev = 1,
				  .st_ino = 2,
				  .st_size = 3,
				  .st_mtim = {.tv_sec = 4, .tv_nsec = 5},
				  .st_ctim = {.tv_sec = 6, .tv_nsec = 7}};
	struct kernel_layout layout;
	struct stat other[8];
	struct gmem mem;
	int fd;

	assert_int_equal(gmem_create(&mem, 4 * MIB, GMEM_ANONYMOUS), 0);
	add_entry(cache, &mem, 9, 3 * MIB);
	for (unsigned i = 0; i < 8; i++)
		other[i] = file;
	clock_gettime(CLOCK_REALTIME, &other[0].st_ctim);
	other[1].st_ctim = (struct timespec){.tv_sec = other[0].st_ctim.tv_sec - 1};
	kernel_cache_remember(cache->dir, &other[0], &id);
	kernel_cache_remember(cache->dir, &other[1], &id);
	assert_int_equal(count_files(cache, ".file", NULL), 0);
	kernel_cache_remember(cache->dir, &file, &id);
	assert_int_equal(count_files(cache, ".file", NULL), 1);
	fd = kernel_cache_open_known(cache->dir, &file, &layout);
	assert_true(fd >= 0 && layout.gpa == GPA_HIGH_RAM);
	close(fd);
	other[0] = other[1] = file;
	other[0].st_dev++;
	other[1].st_ino++;
	other[2].st_size++;
	other[3].st_mtim.tv_sec++;
	other[4].st_mtim.tv_nsec++;
	other[5].st_ctim.tv_sec++;
	other[6].st_ctim.tv_nsec++;
	other[7].st_ctim.tv_nsec--;
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(kernel_cache_open_known(cache->dir, &other[i], &layout), -ENOENT);
	/* The link goes when its entry has gone. */
	add_entry(cache, &mem, 10, MIB);
	add_entry(cache, &mem, 11, MIB);
	assert_int_equal(kernel_cache_open_known(cache->dir, &file, &layout), -ENOENT);
	assert_int_equal(count_files(cache, ".file", NULL), 0);
	gmem_destroy(&mem);
}

/* A kernel replaced in place by one of the same size, its time of modification set back. */
static void test_rewritten_in_place(void **state)
{
	struct cache *cache = *state;
	struct blob elf = make_elf(WITH_PVH), image = blob_new(32768), other = blob_new(32768);
	struct blob packed;
	struct rig *rig;
	struct stat status;

	elf.bytes[KERNEL_TEXT_OFFSET + 100] ^= 1;
	packed = make_packed_bzimage(PAYLOAD_LZ4, &elf);
	assert_true(packed.len < other.len && cache->image.len < image.len);
	memcpy(image.bytes, cache->image.bytes, cache->image.len);
	memcpy(other.bytes, packed.bytes, packed.len);
	rig = rig_new(&image, 64 * MIB);
	rig->options.cache_dir = cache->dir;
	usleep(300000); /* until the file has been at rest for long enough */
	assert_int_equal(rig_boot(rig), 0);
	assert_int_equal(count_files(cache, ".file", NULL), 1);
	boot_image_close(rig->image);
	gmem_destroy(&rig->mem);
	gmem_create(&rig->mem, 64 * MIB, GMEM_ANONYMOUS);
	assert_int_equal(unlink_key(cache), 0); /* so that only the file's identity can find it */
	assert_int_equal(rig_boot(rig), 0);
	assert_true(rig->report.cache_hit && rig_has_kernel(rig, &cache->elf, 0));

	boot_image_close(rig->image);
	gmem_destroy(&rig->mem);
	gmem_create(&rig->mem, 64 * MIB, GMEM_ANONYMOUS);
	assert_int_equal(fstat(rig->fd, &status), 0);
	assert_int_equal(pwrite(rig->fd, other.bytes, other.len, 0), other.len);
	struct timespec times[2] = {status.st_atim, status.st_mtim};
	assert_int_equal(futimens(rig->fd, times), 0);
	assert_int_equal(rig_boot(rig), 0);
	assert_true(!rig->report.cache_hit && rig_has_kernel(rig, &elf, 0));
	rig_free(rig);
	free(packed.bytes);
	free(image.bytes);
	free(other.bytes);
	free(elf.bytes);
}

/* --- the sums --- */

static void test_content_hash(void **state)
{
	(void)state;
	static uint64_t key[HASH_KEY_BYTES / 8], other_key[HASH_KEY_BYTES / 8];
	struct blob data = blob_new(300000);
	uint64_t random = 1;

	for (unsigned i = 0; i < HASH_KEY_BYTES / 8; i++) {
		key[i] = random = random * 6364136223846793005u + 1442695040888963407u;
		other_key[i] = ~key[i];
	}
	for (size_t i = 0; i < data.len; i++)
		data.bytes[i] = (uint8_t)(i * 2654435761u >> 11);

	struct content_hash whole = content_hash(key, data.bytes, data.len);
	struct content_hash again = content_hash(key, data.bytes, data.len);
	struct content_hash other = content_hash(other_key, data.bytes, data.len);

	assert_memory_equal(&whole, &again, sizeof whole);
	assert_memory_not_equal(&whole, &other, sizeof whole);
	/* Every position counts, at every level of the tree and in the last, short block. */
	for (size_t at = 0; at < data.len; at += at < 3000 || at > data.len - 3000 ? 7 : 4099) {
		data.bytes[at] ^= 0x80;
		again = content_hash(key, data.bytes, data.len);
		assert_memory_not_equal(&whole, &again, sizeof whole);
		data.bytes[at] ^= 0x80;
	}
	/* Blocks that change places are another input. */
	uint8_t block[1024];

	memcpy(block, data.bytes, 1024);
	memcpy(data.bytes, data.bytes + 65536, 1024);
	memcpy(data.bytes + 65536, block, 1024);
	again = content_hash(key, data.bytes, data.len);
	assert_memory_not_equal(&whole, &again, sizeof whole);
	free(data.bytes);
}

static void test_hash_lengths(void **state)
{
	(void)state;
	static uint64_t key[HASH_KEY_BYTES / 8];
	static const size_t len[] = {0, 1, 1023, 1024, 1025, 65536, 65537, 4 * MIB, 4 * MIB + 1};
	struct blob data = blob_new(4 * MIB +
				    1); /* zeros: lengths may collide, nothing may crash */

	for (unsigned i = 0; i < HASH_KEY_BYTES / 8; i++)
		key[i] = i * 0x9e3779b97f4a7c15u;
	for (unsigned i = 0; i < sizeof len / sizeof len[0]; i++) {
		struct content_hash zero = content_hash(key, data.bytes, len[i]);

		if (!len[i])
			continue;
		data.bytes[len[i] - 1] = 1;

		struct content_hash one = content_hash(key, data.bytes, len[i]);

		data.bytes[len[i] - 1] = 0;
		assert_memory_not_equal(&zero, &one, sizeof zero);
	}
	free(data.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_content_decides, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unusable_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_writers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_temporaries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rewritten_in_place, setup, teardown),
		cmocka_unit_test(test_content_hash),
		cmocka_unit_test(test_hash_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
