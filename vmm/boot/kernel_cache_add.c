/* SPDX-License-Identifier: MIT
 *
 * Adding unpacked kernels to the cache, and keeping it small. Whatever is added is written under
 * another name and then renamed, so readers see all of it or nothing; two writers of one entry
 * rename the same content onto each other.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "boot/file.h"
#include "boot/kernel_cache_format.h"

#define TEMPORARY_AGE_S 3600
#define LINK_AGE_S (30 * 86400)
#define NS_PER_S 1000000000LL
#define REST_NS 100000000LL	      /* ten ticks of the slowest kernel */
#define REST_COARSE_NS (2 * NS_PER_S) /* the coarsest time stamps: FAT's */

static int write_fully(int fd, uint64_t offset, const void *src, uint64_t len_bytes)
{
	const uint8_t *from = src;

	while (len_bytes) {
		ssize_t put = pwrite(fd, from, len_bytes, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put ? -errno : -EIO;
		from += put;
		offset += (uint64_t)put;
		len_bytes -= (uint64_t)put;
	}
	return 0;
}

/* A new file beside the entries; rename() or unlink() ends it. */
static int create_temporary(int dir_fd, char name[CACHE_NAME_MAX])
{
	uint64_t random;

	if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
		return -EIO;
	snprintf(name, CACHE_NAME_MAX, TEMPORARY_PREFIX "%016llx", (unsigned long long)random);

	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

/* --- the key --- */

static int read_key(int dir_fd, uint64_t *key)
{
	int fd = openat(dir_fd, KEY_FILE, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = read_fully(fd, 0, key, HASH_KEY_BYTES);
	close(fd);
	return err;
}

static int make_key(int dir_fd, uint64_t *key)
{
	char name[CACHE_NAME_MAX];
	int fd = create_temporary(dir_fd, name);
	int err = 0;

	if (fd < 0)
		return fd;
	for (unsigned done = 0; !err && done < HASH_KEY_BYTES;
	     done += 256) /* getrandom's whole reads */
		if (getrandom((uint8_t *)key + done, 256, 0) != 256)
			err = -EIO;
	if (!err)
		err = write_fully(fd, 0, key, HASH_KEY_BYTES);
	if (!err && fdatasync(fd)) /* a torn key of zeros would be no secret */
		err = -errno;
	close(fd);
	/* Of two that make the first key one wins, and both use that one. */
	if (!err && linkat(dir_fd, name, dir_fd, KEY_FILE, 0) && errno != EEXIST)
		err = -errno;
	unlinkat(dir_fd, name, 0);
	return err ? err : read_key(dir_fd, key);
}

int kernel_cache_key(const char *dir, uint64_t *key)
{
	int dir_fd = cache_open_dir(dir);
	int err;

	if (dir_fd < 0)
		return dir_fd;
	err = read_key(dir_fd, key);
	if (err == -ENODATA) /* cut short: no key at all */
		err = unlinkat(dir_fd, KEY_FILE, 0) ? -errno : -ENOENT;
	if (err == -ENOENT)
		err = make_key(dir_fd, key);
	close(dir_fd);
	return err;
}

/* --- entries --- */

static int write_runs(int fd, struct kernel_layout *layout, const struct gmem *mem, uint64_t delta,
		      uint64_t *at)
{
	for (unsigned i = 0; i < layout->run_count; i++) {
		struct kernel_run *run = &layout->run[i];
		const void *hva = gmem_slice(mem, run->gpa + delta, run->len_bytes);
		int err = hva ? write_fully(fd, *at, hva, run->len_bytes) : -EFAULT;

		if (err)
			return err;
		run->offset = *at;
		run->checksum = page_checksum(hva, run->len_bytes);
		*at += run->len_bytes;
	}
	return 0;
}

/* The file ends on a page, so the table is followed by zeros: what a mapping of it shows. */
static int write_relocs(int fd, struct kernel_layout *layout, const void *reloc, uint64_t *at)
{
	uint64_t padded = cache_page_align(layout->reloc_bytes);
	int err = write_fully(fd, *at, reloc, layout->reloc_bytes);

	layout->reloc_offset = *at;
	*at += padded;
	if (!err && ftruncate(fd, (off_t)*at))
		err = -errno;
	if (err || !padded)
		return err;

	const void *table = cache_map_relocs(fd, layout);

	if (!table)
		return -ENOMEM;
	layout->reloc_checksum = page_checksum(table, padded);
	kernel_cache_unmap_relocs(table, layout);
	return 0;
}

static int write_entry(int fd, const struct kernel_id *id, struct kernel_layout *layout,
		       const struct gmem *mem, uint64_t delta, const void *reloc)
{
	union header_page page = {0};
	uint64_t at = sizeof page;
	int err = write_runs(fd, layout, mem, delta, &at);

	if (!err)
		err = write_relocs(fd, layout, reloc, &at);
	memcpy(page.header.magic, CACHE_MAGIC, sizeof page.header.magic);
	page.header.version = CACHE_VERSION;
	page.header.id = *id;
	page.header.file_bytes = at;
	page.header.layout = *layout;
	page.header.checksum = page_checksum(&page, sizeof page);
	return err ? err : write_fully(fd, 0, &page, sizeof page);
}

/* --- files that are known --- */

/* Two changes within a tick of the file system's clock leave the same time stamp. */
static bool is_at_rest(const struct stat *file)
{
	struct timespec now;
	int64_t age_ns;

	clock_gettime(CLOCK_REALTIME, &now);
	age_ns = (now.tv_sec - file->st_ctim.tv_sec) * NS_PER_S + now.tv_nsec -
		 file->st_ctim.tv_nsec;
	return age_ns > (file->st_ctim.tv_nsec ? REST_NS : REST_COARSE_NS);
}

void kernel_cache_remember(const char *dir, const struct stat *file, const struct kernel_id *id)
{
	char name[CACHE_NAME_MAX], target[CACHE_NAME_MAX];
	int dir_fd;

	if (!is_at_rest(file))
		return;
	dir_fd = cache_open_dir(dir);
	if (dir_fd < 0)
		return;
	cache_link_name(file, name);
	cache_entry_name(id, target);
	if (symlinkat(target, dir_fd, name) && errno == EEXIST) {
		unlinkat(dir_fd, name, 0); /* it leads to an entry of another key */
		if (symlinkat(target, dir_fd, name))
			unlinkat(dir_fd, name, 0);
	}
	close(dir_fd);
}

/* --- eviction --- */

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len > suffix_len && !strcmp(name + len - suffix_len, suffix);
}

/* Temporaries that a dead process left, and links to nowhere or unused for long. */
static bool is_litter(int dir_fd, const char *name, const struct stat *status)
{
	time_t age = time(NULL) - status->st_mtim.tv_sec;

	if (!strncmp(name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)))
		return age > TEMPORARY_AGE_S;
	return has_suffix(name, LINK_SUFFIX) &&
	       (age > LINK_AGE_S || faccessat(dir_fd, name, F_OK, 0));
}

/* One pass over the directory: sums up the entries, finds the oldest, removes litter. */
static uint64_t survey(DIR *listing, char oldest[CACHE_NAME_MAX])
{
	struct timespec oldest_time = {.tv_sec = INT64_MAX};
	uint64_t sum = 0;

	rewinddir(listing);
	for (struct dirent *file; (file = readdir(listing));) {
		struct stat status;

		if (strlen(file->d_name) >= CACHE_NAME_MAX ||
		    fstatat(dirfd(listing), file->d_name, &status, AT_SYMLINK_NOFOLLOW))
			continue;
		if (is_litter(dirfd(listing), file->d_name, &status))
			unlinkat(dirfd(listing), file->d_name, 0);
		if (!has_suffix(file->d_name, ENTRY_SUFFIX))
			continue;
		sum += (uint64_t)status.st_size;
		if (status.st_mtim.tv_sec < oldest_time.tv_sec ||
		    (status.st_mtim.tv_sec == oldest_time.tv_sec &&
		     status.st_mtim.tv_nsec < oldest_time.tv_nsec)) {
			oldest_time = status.st_mtim;
			memcpy(oldest, file->d_name, strlen(file->d_name) + 1);
		}
	}
	return sum;
}

/* Removes the oldest entries until the rest fits. Another process may do the same: then a file is
 * already gone, and the next survey does not see it. */
static void evict(int dir_fd, uint64_t limit_bytes)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	char oldest[CACHE_NAME_MAX];

	if (!listing) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (survey(listing, oldest) > limit_bytes)
		if (unlinkat(dir_fd, oldest, 0) && errno != ENOENT)
			break;
	closedir(listing);
}

int kernel_cache_add(const char *dir, const struct kernel_id *id, struct kernel_layout *layout,
		     const struct gmem *mem, uint64_t delta, const void *reloc,
		     uint64_t limit_bytes)
{
	char name[CACHE_NAME_MAX], temporary[CACHE_NAME_MAX];
	int dir_fd = cache_open_dir(dir);
	int fd, err;

	if (dir_fd < 0)
		return dir_fd;
	cache_entry_name(id, name);
	err = fd = create_temporary(dir_fd, temporary);
	if (fd >= 0) {
		err = write_entry(fd, id, layout, mem, delta, reloc);
		if (close(fd) && !err)
			err = -errno;
		if (!err && renameat(dir_fd, temporary, dir_fd, name))
			err = -errno;
		if (err)
			unlinkat(dir_fd, temporary, 0);
		evict(dir_fd, limit_bytes);
	}
	close(dir_fd);
	return err;
}
