/* SPDX-License-Identifier: MIT
 *
 * Unpacked kernels on disk. An entry is a page of header and then data, each part starting on a
 * page.
 *
 * Nothing here is trusted: a header is checksummed and checked field by field, data is checksummed
 * after it was read. So there is no need to wait for the disk when an entry is added: what a power
 * cut tore is noticed and made again. Two writers of one entry rename the same content onto each
 * other.
 */
#include "boot/kernel_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot/file.h"

#define CACHE_MAGIC "VitrineK"
#define CACHE_VERSION 1u /* of the format and of how a layout is made from a payload */
#define KEY_FILE "key"
#define ENTRY_SUFFIX ".kernel"
#define TEMPORARY_PREFIX "tmp-"
#define TEMPORARY_AGE_S 3600 /* older ones were left by a process that died */
#define TOUCH_AGE_S 3600     /* how exactly the age of entries is kept */
#define ENTRY_NAME_MAX 64

struct entry_header {
	char magic[8];
	uint64_t version;
	struct kernel_id id;
	uint64_t file_bytes;
	struct kernel_layout layout;
	uint64_t checksum; /* of the page with this field 0 */
};

union header_page {
	struct entry_header header;
	uint8_t bytes[KERNEL_PAGE_BYTES];
} __attribute__((aligned(16)));

_Static_assert(sizeof(union header_page) == KERNEL_PAGE_BYTES, "a header is one page");

static void entry_name(const struct kernel_id *id, char name[ENTRY_NAME_MAX])
{
	snprintf(name, ENTRY_NAME_MAX, "%016llx%016llx-%llx" ENTRY_SUFFIX,
		 (unsigned long long)id->hash.word[1], (unsigned long long)id->hash.word[0],
		 (unsigned long long)id->len_bytes);
}

static int open_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

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
static int create_temporary(int dir_fd, char name[ENTRY_NAME_MAX])
{
	uint64_t random;

	if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
		return -EIO;
	snprintf(name, ENTRY_NAME_MAX, TEMPORARY_PREFIX "%016llx", (unsigned long long)random);

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
	char name[ENTRY_NAME_MAX];
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
	int dir_fd = open_dir(dir);
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

/* --- reading --- */

static uint64_t page_align(uint64_t value)
{
	return (value + KERNEL_PAGE_BYTES - 1) & ~(KERNEL_PAGE_BYTES - 1);
}

static bool part_is_valid(uint64_t offset, uint64_t len_bytes, uint64_t file_bytes)
{
	return offset % KERNEL_PAGE_BYTES == 0 && offset >= KERNEL_PAGE_BYTES &&
	       offset <= file_bytes && len_bytes <= file_bytes - offset;
}

static bool layout_is_valid(const struct kernel_layout *layout, uint64_t file_bytes)
{
	uint64_t at = 0; /* behind the previous run, from layout->gpa */

	if (layout->run_count > KERNEL_RUN_MAX || layout->span_bytes > UINT64_MAX - layout->gpa ||
	    layout->entry_gpa - layout->gpa >= layout->span_bytes)
		return false;
	for (unsigned i = 0; i < layout->run_count; i++) {
		const struct kernel_run *run = &layout->run[i];
		uint64_t start = run->gpa - layout->gpa;

		if (!part_is_valid(run->offset, run->len_bytes, file_bytes) ||
		    (run->gpa | run->len_bytes) % KERNEL_PAGE_BYTES)
			return false;
		/* The last page of the last run may reach behind the end of the bss. */
		if (start < at || start > layout->span_bytes ||
		    run->len_bytes > layout->span_bytes - start + KERNEL_PAGE_BYTES)
			return false;
		at = start + run->len_bytes;
	}
	/* Files end on a page, and so does the mapping of the table. */
	return file_bytes % KERNEL_PAGE_BYTES == 0 &&
	       (!layout->reloc_bytes ||
		part_is_valid(layout->reloc_offset, layout->reloc_bytes, file_bytes));
}

static bool header_is_valid(union header_page *page, const struct kernel_id *id,
			    uint64_t file_bytes)
{
	struct entry_header *header = &page->header;
	uint64_t checksum = header->checksum;

	header->checksum = 0;
	return page_checksum(page, sizeof *page) == checksum &&
	       !memcmp(header->magic, CACHE_MAGIC, sizeof header->magic) &&
	       header->version == CACHE_VERSION && !memcmp(&header->id, id, sizeof *id) &&
	       header->file_bytes == file_bytes && layout_is_valid(&header->layout, file_bytes);
}

/* Reads and checks; keeps the file's time of modification near its last use, for eviction. */
static int check_entry(int fd, const struct kernel_id *id, struct kernel_layout *layout)
{
	union header_page page;
	struct stat status;
	struct timespec now;
	int err = fstat(fd, &status) ? -errno : read_fully(fd, 0, &page, sizeof page);

	if (err)
		return err;
	if (!header_is_valid(&page, id, (uint64_t)status.st_size))
		return -EBADMSG;
	*layout = page.header.layout;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (now.tv_sec - status.st_mtim.tv_sec > TOUCH_AGE_S)
		futimens(fd, NULL);
	return 0;
}

int kernel_cache_open(const char *dir, const struct kernel_id *id, struct kernel_layout *layout)
{
	char name[ENTRY_NAME_MAX];
	int dir_fd = open_dir(dir);
	int fd, err;

	if (dir_fd < 0)
		return dir_fd;
	entry_name(id, name);
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	err = fd < 0 ? -errno : check_entry(fd, id, layout);
	close(dir_fd);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

int kernel_cache_read(int fd, const struct kernel_layout *layout, const struct gmem *mem,
		      uint64_t delta)
{
	for (unsigned i = 0; i < layout->run_count; i++) {
		const struct kernel_run *run = &layout->run[i];
		void *hva = gmem_slice(mem, run->gpa + delta, run->len_bytes);

		if (hva && !read_fully(fd, run->offset, hva, run->len_bytes) &&
		    page_checksum(hva, run->len_bytes) == run->checksum)
			continue;
		for (unsigned undo = 0; undo <= i; undo++)
			gmem_zero(mem, layout->run[undo].gpa + delta, layout->run[undo].len_bytes);
		return -EBADMSG;
	}
	return 0;
}

static const void *map_relocs(int fd, const struct kernel_layout *layout)
{
	void *table = mmap(NULL, page_align(layout->reloc_bytes), PROT_READ,
			   MAP_PRIVATE | MAP_POPULATE, fd, (off_t)layout->reloc_offset);

	return table == MAP_FAILED ? NULL : table;
}

void kernel_cache_unmap_relocs(const void *table, const struct kernel_layout *layout)
{
	munmap((void *)(uintptr_t)table, page_align(layout->reloc_bytes));
}

const void *kernel_cache_map_relocs(int fd, const struct kernel_layout *layout)
{
	const void *table = layout->reloc_bytes ? map_relocs(fd, layout) : NULL;

	if (!table ||
	    page_checksum(table, page_align(layout->reloc_bytes)) == layout->reloc_checksum)
		return table;
	kernel_cache_unmap_relocs(table, layout);
	return NULL;
}

/* --- writing --- */

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
	uint64_t padded = page_align(layout->reloc_bytes);
	int err = write_fully(fd, *at, reloc, layout->reloc_bytes);

	layout->reloc_offset = *at;
	*at += padded;
	if (!err && ftruncate(fd, (off_t)*at))
		err = -errno;
	if (err || !padded)
		return err;

	const void *table = map_relocs(fd, layout);

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

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len > suffix_len && !strcmp(name + len - suffix_len, suffix);
}

/* One pass over the directory: sums up the entries, finds the oldest, removes forgotten
 * temporaries. */
static uint64_t survey(DIR *listing, char oldest[ENTRY_NAME_MAX])
{
	struct timespec oldest_time = {.tv_sec = INT64_MAX};
	time_t now = time(NULL);
	uint64_t sum = 0;

	rewinddir(listing);
	for (struct dirent *file; (file = readdir(listing));) {
		struct stat status;

		if (strlen(file->d_name) >= ENTRY_NAME_MAX ||
		    fstatat(dirfd(listing), file->d_name, &status, AT_SYMLINK_NOFOLLOW))
			continue;
		if (!strncmp(file->d_name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) &&
		    now - status.st_mtim.tv_sec > TEMPORARY_AGE_S)
			unlinkat(dirfd(listing), file->d_name, 0);
		if (!has_suffix(file->d_name, ENTRY_SUFFIX))
			continue;
		sum += (uint64_t)status.st_size;
		if (status.st_mtim.tv_sec < oldest_time.tv_sec ||
		    (status.st_mtim.tv_sec == oldest_time.tv_sec &&
		     status.st_mtim.tv_nsec < oldest_time.tv_nsec)) {
			oldest_time = status.st_mtim;
			strcpy(oldest, file->d_name);
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
	char oldest[ENTRY_NAME_MAX];

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
	char name[ENTRY_NAME_MAX], temporary[ENTRY_NAME_MAX];
	int dir_fd = open_dir(dir);
	int fd, err;

	if (dir_fd < 0)
		return dir_fd;
	entry_name(id, name);
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
