/* SPDX-License-Identifier: MIT
 *
 * Block pointers: twelve to data, then one each to a block of pointers, to a block of those, and to a
 * block of those.
 */
#include "guest/fs/ext2/ext2.h"

#define LEVELS_MAX 3

/* Where the pointer to a block is: slot[0] in the inode, the rest in blocks of pointers. */
struct route {
	unsigned levels; /* of pointer blocks: 0 to 3 */
	uint32_t slot[LEVELS_MAX + 1];
};

static uint64_t pointers(const struct ext2_fs *fs)
{
	return fs->block_bytes / 4;
}

uint64_t ext2_map_limit(const struct ext2_fs *fs)
{
	const uint64_t n = pointers(fs);

	return EXT2_DIRECT_BLOCKS + n + n * n + n * n * n;
}

static bool find_route(const struct ext2_fs *fs, uint64_t index, struct route *route)
{
	const uint64_t n = pointers(fs);
	uint64_t span = n;

	*route = (struct route){0};
	if (index < EXT2_DIRECT_BLOCKS) {
		route->slot[0] = index;
		return true;
	}
	index -= EXT2_DIRECT_BLOCKS;
	for (route->levels = 1; route->levels <= LEVELS_MAX; route->levels++, span *= n) {
		if (index >= span) {
			index -= span;
			continue;
		}
		route->slot[0] = EXT2_DIRECT_BLOCKS + route->levels - 1;
		for (unsigned i = route->levels; i; i--, index /= n)
			route->slot[i] = index % n;
		return true;
	}
	return false;
}

static int check_pointer(struct inode *inode, uint32_t number)
{
	if (!number || ext2_block_is_data(ext2_fs_of(inode), number))
		return 0;
	return ext2_fail(ext2_fs_of(inode), "inode %lu has block %u, which can't be a file's",
			 inode->number, number);
}

static uint32_t goal_of(const struct inode *inode)
{
	const struct ext2_fs *fs = ext2_fs_of(inode);
	const uint32_t last = ext2_inode_of(inode)->last_block;

	return last ? last + 1
		    : fs->first_data_block + (uint32_t)(inode->number - 1) / fs->inodes_per_group *
						     fs->blocks_per_group;
}

/* A block for the file. fs->lock held. */
static int allocate(struct inode *inode, uint32_t *number)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	struct ext2_inode *e = ext2_inode_of(inode);
	const int error = ext2_allocate_block(fs, goal_of(inode), number);

	if (error)
		return error;
	e->last_block = *number;
	inode->blocks_512 += fs->block_sectors;
	e->dirty = true;
	return 0;
}

/* The pointer block behind *pointer, perhaps a new one; block->page is NULL: a hole. */
static int enter(struct inode *inode, uint32_t *pointer, bool create, struct ext2_block *block)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	int error = check_pointer(inode, *pointer);
	uint32_t number;

	block->page = NULL;
	if (error || (!*pointer && !create))
		return error;
	if (*pointer)
		return ext2_block_read(fs, *pointer, block);
	error = allocate(inode, &number);
	if (!error)
		error = ext2_block_new(fs, number, block);
	if (!error)
		*pointer = number;
	return error;
}

/* fs->lock held. create: holes get blocks. */
static int walk(struct inode *inode, uint64_t index, bool create, uint32_t *number, bool *fresh)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	uint32_t *pointer;
	struct ext2_block block = {0}, next;
	struct route route;
	int error = 0;

	*number = 0;
	if (!find_route(fs, index, &route))
		return -EFBIG;
	pointer = &ext2_inode_of(inode)->block[route.slot[0]];
	for (unsigned i = 1; i <= route.levels; i++) {
		const uint32_t before = *pointer;

		error = enter(inode, pointer, create, &next);
		if (block.page && *pointer != before)
			ext2_block_dirty(fs, &block);
		if (block.page)
			ext2_block_put(&block);
		if (error || !next.page)
			return error;
		block = next;
		pointer = (uint32_t *)block.data + route.slot[i];
	}
	error = check_pointer(inode, *pointer);
	if (!error && !*pointer && create) {
		error = allocate(inode, pointer);
		if (!error && block.page)
			ext2_block_dirty(fs, &block);
		*fresh = !error;
	}
	if (!error)
		*number = *pointer;
	if (block.page)
		ext2_block_put(&block);
	return error;
}

int ext2_map(struct inode *inode, uint64_t index, uint32_t *number)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	bool fresh;
	int error;

	mutex_lock(&fs->lock);
	error = walk(inode, index, false, number, &fresh);
	mutex_unlock(&fs->lock);
	return error;
}

int ext2_map_allocate(struct inode *inode, uint64_t index, uint32_t *number, bool *fresh)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	int error;

	*fresh = false;
	mutex_lock(&fs->lock);
	error = walk(inode, index, true, number, fresh);
	mutex_unlock(&fs->lock);
	return error;
}

/* --- freeing. The pointer goes first, then the block. Each block is freed once or the file system is
 * found damaged, so a circle of pointers ends. */
static int free_one(struct inode *inode, uint32_t number)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	int error = check_pointer(inode, number);

	if (!error)
		error = ext2_free_block(fs, number);
	if (error)
		return error;
	ext2_block_forget(fs, number);
	if (inode->blocks_512 >= fs->block_sectors)
		inode->blocks_512 -= fs->block_sectors;
	return 0;
}

/* What lies behind *pointer, which stands for the blocks from first on, as far as it is from index on.
 * levels: of pointer blocks; span: blocks below one pointer of that block. */
static int free_below(struct inode *inode, uint32_t *pointer, unsigned levels, uint64_t span,
		      uint64_t first, uint64_t index)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	const uint64_t n = pointers(fs);
	const uint32_t number = *pointer;
	const bool whole = first >= index;
	struct ext2_block block;
	int error = check_pointer(inode, number);

	if (error || !number)
		return error;
	if (whole)
		*pointer = 0;
	if (levels) {
		error = ext2_block_read(fs, number, &block);
		if (error)
			return error;
		for (uint64_t i = 0; i < n && !error; i++)
			if (first + (i + 1) * span > index)
				error = free_below(inode, (uint32_t *)block.data + i, levels - 1,
						   span / n, first + i * span, index);
		if (!whole)
			ext2_block_dirty(fs, &block);
		ext2_block_put(&block);
	}
	return error || !whole ? error : free_one(inode, number);
}

int ext2_map_truncate(struct inode *inode, uint64_t index)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	struct ext2_inode *e = ext2_inode_of(inode);
	uint64_t first = EXT2_DIRECT_BLOCKS, span = 1;
	int error = ext2_check_writable(fs);

	mutex_lock(&fs->lock);
	for (uint32_t i = index < EXT2_DIRECT_BLOCKS ? index : EXT2_DIRECT_BLOCKS;
	     i < EXT2_DIRECT_BLOCKS && !error; i++)
		error = free_below(inode, &e->block[i], 0, 1, i, index);
	for (unsigned levels = 1; levels <= LEVELS_MAX && !error; levels++) {
		const uint64_t below = span * pointers(fs);

		if (first + below > index)
			error = free_below(inode, &e->block[EXT2_DIRECT_BLOCKS + levels - 1],
					   levels, span, first, index);
		first += below;
		span = below;
	}
	e->last_block = 0;
	e->dirty = true;
	mutex_unlock(&fs->lock);
	return error;
}
