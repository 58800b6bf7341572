/* SPDX-License-Identifier: MIT
 *
 * Metadata blocks through fs->meta, and what a block number may be.
 */
#include "guest/fs/ext2/ext2.h"

#include "guest/block/io.h"
#include "guest/lib/string.h"

static struct ext2_fs *fs_of(struct page_cache *cache)
{
	return container_of(cache, struct ext2_fs, meta_inode.cache);
}

static int meta_io(struct page_cache *cache, struct page **pages, unsigned count,
		   enum block_operation operation)
{
	struct ext2_fs *fs = fs_of(cache);
	struct block_io io;

	block_io_start(&io, fs->disk->queue);
	for (unsigned i = 0; i < count; i++)
		block_io_add(&io, operation, pages[i]->index * fs->block_sectors,
			     page_data(pages[i]), fs->block_bytes);
	return block_io_wait(&io);
}

static int read_page(struct page_cache *cache, struct page *page)
{
	return meta_io(cache, &page, 1, BLOCK_READ);
}

static int write_page(struct page_cache *cache, struct page *page)
{
	return meta_io(cache, &page, 1, BLOCK_WRITE);
}

static int write_pages(struct page_cache *cache, struct page **pages, unsigned count)
{
	return meta_io(cache, pages, count, BLOCK_WRITE);
}

const struct cache_operations ext2_meta_operations = {
	.read_page = read_page,
	.write_page = write_page,
	.write_pages = write_pages,
};

static int get(struct ext2_fs *fs, uint32_t number, bool fresh, struct ext2_block *block)
{
	int error = 0;

	if (number >= fs->block_count)
		return ext2_fail(fs, "block %u is beyond the end", number);
	block->page = fresh ? cache_for_write(&fs->meta_inode.cache, number, true, &error)
			    : cache_read(&fs->meta_inode.cache, number, &error);
	if (!block->page)
		return error;
	block->data = page_data(block->page);
	return 0;
}

int ext2_block_read(struct ext2_fs *fs, uint32_t number, struct ext2_block *block)
{
	return get(fs, number, false, block);
}

int ext2_block_new(struct ext2_fs *fs, uint32_t number, struct ext2_block *block)
{
	const int error = get(fs, number, true, block);

	if (error)
		return error;
	memset(block->data, 0, fs->block_bytes);
	ext2_block_dirty(fs, block);
	return 0;
}

void ext2_block_dirty(struct ext2_fs *fs, const struct ext2_block *block)
{
	if (!fs->failed)
		cache_dirty(&fs->meta_inode.cache, block->page);
}

void ext2_block_put(const struct ext2_block *block)
{
	page_put(block->page);
}

void ext2_block_forget(struct ext2_fs *fs, uint32_t number)
{
	cache_forget(&fs->meta_inode.cache, number);
}

/* Descriptors follow the superblock; what belongs to a group is checked when the group is read. */
bool ext2_block_is_data(const struct ext2_fs *fs, uint32_t number)
{
	const uint32_t descriptor_blocks = (fs->group_count + fs->descriptors_per_block - 1) /
					   fs->descriptors_per_block;

	return number > fs->super_block + descriptor_blocks && number < fs->block_count;
}
