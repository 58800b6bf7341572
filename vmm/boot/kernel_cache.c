/* SPDX-License-Identifier: MIT
 *
 * Finding and reading unpacked kernels on disk.
 *
 * Nothing here is trusted: a header is checksummed and checked field by field, data is checksummed
 * after it was read. What a power cut tore is noticed and made again, so that nobody waits for the
 * disk when an entry is added.
 */
#include "boot/kernel_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "boot/file.h"
#include "boot/kernel_cache_format.h"

#define TOUCH_AGE_S 3600 /* how exactly the age of entries is kept */

void cache_entry_name(const struct kernel_id *id, char name[CACHE_NAME_MAX])
{
	snprintf(name, CACHE_NAME_MAX, "%016llx%016llx-%llx" ENTRY_SUFFIX,
		 (unsigned long long)id->hash.word[1], (unsigned long long)id->hash.word[0],
		 (unsigned long long)id->len_bytes);
}

/* Device, inode, size, and the times of the last change of its content and of anything. No program
 * can set the last: a file that was written to has another name here. */
void cache_link_name(const struct stat *file, char name[CACHE_NAME_MAX])
{
	snprintf(name, CACHE_NAME_MAX, "%llx-%llx-%llx-%llx.%lx-%llx.%lx" LINK_SUFFIX,
		 (unsigned long long)file->st_dev, (unsigned long long)file->st_ino,
		 (unsigned long long)file->st_size, (unsigned long long)file->st_mtim.tv_sec,
		 file->st_mtim.tv_nsec, (unsigned long long)file->st_ctim.tv_sec,
		 file->st_ctim.tv_nsec);
}

int cache_open_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
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

/* id NULL: any. */
static bool header_is_valid(union header_page *page, const struct kernel_id *id,
			    uint64_t file_bytes)
{
	struct entry_header *header = &page->header;
	uint64_t checksum = header->checksum;

	header->checksum = 0;
	return page_checksum(page, sizeof *page) == checksum &&
	       !memcmp(header->magic, CACHE_MAGIC, sizeof header->magic) &&
	       header->version == CACHE_VERSION && (!id || !memcmp(&header->id, id, sizeof *id)) &&
	       header->file_bytes == file_bytes && layout_is_valid(&header->layout, file_bytes);
}

/* Reads and checks; keeps the file's time of modification near its last use, for eviction. */
static int check_entry(int fd, const struct kernel_id *id, struct kernel_layout *layout)
{
	union header_page page = {0};
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

static int open_entry(const char *dir, const char *name, const struct kernel_id *id,
		      struct kernel_layout *layout)
{
	int dir_fd = cache_open_dir(dir);
	int fd, err;

	if (dir_fd < 0)
		return dir_fd;
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	err = fd < 0 ? -errno : check_entry(fd, id, layout);
	close(dir_fd);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

int kernel_cache_open(const char *dir, const struct kernel_id *id, struct kernel_layout *layout)
{
	char name[CACHE_NAME_MAX];

	cache_entry_name(id, name);
	return open_entry(dir, name, id, layout);
}

int kernel_cache_open_known(const char *dir, const struct stat *file, struct kernel_layout *layout)
{
	char name[CACHE_NAME_MAX];

	cache_link_name(file, name);
	return open_entry(dir, name, NULL, layout);
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

const void *cache_map_relocs(int fd, const struct kernel_layout *layout)
{
	void *table = mmap(NULL, cache_page_align(layout->reloc_bytes), PROT_READ,
			   MAP_PRIVATE | MAP_POPULATE, fd, (off_t)layout->reloc_offset);

	return table == MAP_FAILED ? NULL : table;
}

void kernel_cache_unmap_relocs(const void *table, const struct kernel_layout *layout)
{
	munmap((void *)table, cache_page_align(layout->reloc_bytes));
}

const void *kernel_cache_map_relocs(int fd, const struct kernel_layout *layout)
{
	const void *table = layout->reloc_bytes ? cache_map_relocs(fd, layout) : NULL;

	if (!table ||
	    page_checksum(table, cache_page_align(layout->reloc_bytes)) == layout->reloc_checksum)
		return table;
	kernel_cache_unmap_relocs(table, layout);
	return NULL;
}
