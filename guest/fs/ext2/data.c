/* SPDX-License-Identifier: MIT
 *
 * Contents of regular files. A write makes sure of its blocks first, so that a full disk is seen by who
 * writes; pages written through a mapping get theirs when they are written back.
 */
#include "guest/fs/ext2/ext2.h"

#include "guest/block/io.h"
#include "guest/fs/iobuf.h"
#include "guest/lib/string.h"

#define CHUNK_BYTES (256u * 1024) /* blocks made sure of at a time */

/* --- pages */
static unsigned blocks_in_page(const struct ext2_fs *fs)
{
	return PAGE_BYTES / fs->block_bytes;
}

/* A page's blocks into io. Holes: zeroes when read, blocks when written. */
static int add_page(struct inode *inode, struct page *page, enum block_operation operation,
		    struct block_io *io)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	char *data = page_data(page);
	bool fresh;
	int error = 0;

	for (unsigned i = 0; i < blocks_in_page(fs) && !error; i++, data += fs->block_bytes) {
		const uint64_t index = page->index * blocks_in_page(fs) + i;
		uint32_t number = 0;

		if (index * fs->block_bytes >= inode->size) {
			if (operation == BLOCK_READ)
				memset(data, 0, fs->block_bytes);
			continue;
		}
		error = operation == BLOCK_READ ? ext2_map(inode, index, &number)
						: ext2_map_allocate(inode, index, &number, &fresh);
		if (!error && number)
			block_io_add(io, operation, (uint64_t)number * fs->block_sectors, data,
				     fs->block_bytes);
		else if (!error)
			memset(data, 0, fs->block_bytes);
	}
	return error;
}

static int data_io(struct page_cache *cache, struct page **pages, unsigned count,
		   enum block_operation operation)
{
	struct inode *inode = cache->inode;
	struct block_io io;
	int error = 0, io_error;

	if (operation == BLOCK_WRITE && ext2_fs_of(inode)->failed)
		return -EIO;
	block_io_start(&io, ext2_fs_of(inode)->disk->queue);
	for (unsigned i = 0; i < count && !error; i++)
		error = add_page(inode, pages[i], operation, &io);
	io_error = block_io_wait(&io);
	return error ? error : io_error;
}

/* Beyond the end, a page is zero: the last block's rest, and what a larger file had there. */
static void clear_tail(const struct inode *inode, struct page *page)
{
	const uint64_t start = page->index * PAGE_BYTES;

	if (inode->size < start + PAGE_BYTES && inode->size > start)
		memset((char *)page_data(page) + (inode->size - start), 0,
		       start + PAGE_BYTES - inode->size);
}

static int read_pages(struct page_cache *cache, struct page **pages, unsigned count)
{
	const int error = data_io(cache, pages, count, BLOCK_READ);

	for (unsigned i = 0; i < count; i++)
		clear_tail(cache->inode, pages[i]);
	return error;
}

static int read_page(struct page_cache *cache, struct page *page)
{
	return read_pages(cache, &page, 1);
}

static int write_pages(struct page_cache *cache, struct page **pages, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		clear_tail(cache->inode, pages[i]);
	return data_io(cache, pages, count, BLOCK_WRITE);
}

static int write_page(struct page_cache *cache, struct page *page)
{
	return write_pages(cache, &page, 1);
}

const struct cache_operations ext2_data_operations = {
	.read_page = read_page,
	.read_pages = read_pages,
	.write_page = write_page,
	.write_pages = write_pages,
};

/* --- writing */
/* Blocks for [start, end), which lies in one page. Where one is new, the rest of the page is in memory
 * before, so that nobody reads what the block held. *fresh: there is a new one. */
static int prepare_page(struct inode *inode, uint64_t start, uint64_t end, bool *fresh)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	struct page *page = NULL;
	uint32_t number;
	bool one;
	int error = 0;

	for (uint64_t i = start / fs->block_bytes; i * fs->block_bytes < end && !error; i++) {
		error = ext2_map(inode, i, &number);
		if (error || number)
			continue;
		if (!page)
			page = cache_read(&inode->cache, start / PAGE_BYTES, &error);
		if (!error)
			error = ext2_map_allocate(inode, i, &number, &one);
		if (!error)
			cache_dirty(&inode->cache, page);
		*fresh |= !error;
	}
	if (page)
		page_put(page);
	return error;
}

/* For up to bytes from start on: how many, or -errno if none. */
static int64_t prepare(struct inode *inode, uint64_t start, uint64_t bytes, bool *fresh)
{
	uint64_t at = start;
	int error = 0;

	while (at < start + bytes) {
		uint64_t end = at / PAGE_BYTES * PAGE_BYTES + PAGE_BYTES;

		if (end > start + bytes)
			end = start + bytes;
		error = prepare_page(inode, at, end, fresh);
		if (error)
			break;
		at = end;
	}
	return at == start ? error : (int64_t)(at - start);
}

/* Blocks that were got for a write that came to nothing. */
static void drop_unused(struct inode *inode)
{
	const uint32_t block = ext2_fs_of(inode)->block_bytes;

	mutex_lock(&inode->lock);
	ext2_map_truncate(inode, (inode->size + block - 1) / block);
	mutex_unlock(&inode->lock);
}

static int64_t write_chunk(struct file *file, struct iobuf *from, uint64_t *position)
{
	struct inode *inode = file->inode;
	const size_t left = from->left;
	bool fresh = false;
	int64_t room, done;
	uint64_t start;

	mutex_lock(&inode->lock);
	start = file->flags & O_APPEND ? inode->size : *position;
	room = prepare(inode, start, left < CHUNK_BYTES ? left : CHUNK_BYTES, &fresh);
	mutex_unlock(&inode->lock);
	if (room < 0) {
		if (fresh)
			drop_unused(inode);
		return room;
	}
	from->left = room;
	done = file_write_cached(file, from, position);
	from->left = left - (done > 0 ? done : 0);
	if (fresh && done < room)
		drop_unused(inode);
	return done;
}

static int64_t write(struct file *file, struct iobuf *from, uint64_t *position)
{
	int64_t total = 0, done;
	const int error = ext2_check_writable(ext2_fs_of(file->inode));

	if (error)
		return error;
	do {
		done = write_chunk(file, from, position);
		if (done > 0)
			total += done;
	} while (done > 0 && from->left);
	return total ? total : done;
}

/* The rest of the last block becomes zeroes on disk too, for when the file grows again. inode->size is the
 * new end already, so reading the page is enough. */
static int clear_last_block(struct inode *inode, uint64_t size)
{
	const uint32_t block = ext2_fs_of(inode)->block_bytes;
	uint32_t number = 0;
	struct page *page;
	int error = size % block ? ext2_map(inode, size / block, &number) : 0;

	if (error || !number)
		return error;
	page = cache_read(&inode->cache, size / PAGE_BYTES, &error);
	if (!page)
		return error;
	cache_dirty(&inode->cache, page);
	page_put(page);
	return 0;
}

/* The pages from size on are gone already: write-back of one would get it a block again. */
int ext2_truncate(struct inode *inode, uint64_t size)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	int error;

	if (size > ext2_map_limit(fs) * fs->block_bytes)
		return -EFBIG;
	error = ext2_map_truncate(inode, (size + fs->block_bytes - 1) / fs->block_bytes);
	return error || size > inode->size ? error : clear_last_block(inode, size);
}

const struct inode_operations ext2_file_inode_operations = {
	.truncate = ext2_truncate,
	.changed = ext2_inode_changed,
	.sync = ext2_inode_sync,
};
const struct file_operations ext2_file_operations = {
	.read = file_read_cached,
	.write = write,
};
