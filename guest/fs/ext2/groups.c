/* SPDX-License-Identifier: MIT
 *
 * Finding free blocks and inodes. fs->lock is held by all callers.
 *
 * A file's blocks are looked for behind its last one, then in its group, then in the next groups. Files
 * go into the group of their directory; directories into one with more free inodes than most.
 */
#include "guest/fs/ext2/ext2.h"

#include "guest/lib/print.h"
#include "guest/proc/process.h"

#define NONE UINT32_MAX

int ext2_group_read(struct ext2_fs *fs, uint32_t group, struct ext2_block *block,
		    struct ext2_group **descriptor)
{
	int error;

	if (group >= fs->group_count)
		return ext2_fail(fs, "group %u is beyond the end", group);
	error = ext2_block_read(fs, fs->super_block + 1 + group / fs->descriptors_per_block, block);
	if (!error)
		*descriptor = (struct ext2_group *)block->data + group % fs->descriptors_per_block;
	return error;
}

static uint32_t first_block_of(const struct ext2_fs *fs, uint32_t group)
{
	return fs->first_data_block + group * fs->blocks_per_group;
}

static uint32_t blocks_in(const struct ext2_fs *fs, uint32_t group)
{
	const uint32_t rest = fs->block_count - first_block_of(fs, group);

	return rest < fs->blocks_per_group ? rest : fs->blocks_per_group;
}

static uint32_t table_blocks(const struct ext2_fs *fs)
{
	const uint32_t per_block = fs->block_bytes / fs->inode_bytes;

	return (fs->inodes_per_group + per_block - 1) / per_block;
}

/* Bitmaps and table inside of the file system and not over superblock and descriptors, counts possible. */
static int check_group(struct ext2_fs *fs, uint32_t group, const struct ext2_group *d)
{
	if (!ext2_block_is_data(fs, d->block_bitmap) || !ext2_block_is_data(fs, d->inode_bitmap) ||
	    !ext2_block_is_data(fs, d->inode_table) ||
	    table_blocks(fs) > fs->block_count - d->inode_table)
		return ext2_fail(fs, "group %u: its tables are out of place", group);
	if (d->free_blocks > blocks_in(fs, group) || d->free_inodes > fs->inodes_per_group ||
	    d->directories > fs->inodes_per_group)
		return ext2_fail(fs, "group %u: impossible counts", group);
	return 0;
}

int ext2_groups_check(struct ext2_fs *fs)
{
	struct ext2_block block;
	struct ext2_group *d;
	int error = 0;

	fs->free_blocks = fs->free_inodes = 0;
	for (uint32_t group = 0; group < fs->group_count && !error; group++) {
		error = ext2_group_read(fs, group, &block, &d);
		if (error)
			return error;
		error = check_group(fs, group, d);
		fs->free_blocks += d->free_blocks;
		fs->free_inodes += d->free_inodes;
		ext2_block_put(&block);
	}
	return error;
}

/* Whether a block of the group is its bitmaps or its table: those are never free, whatever a bitmap says. */
static bool is_own(const struct ext2_fs *fs, const struct ext2_group *d, uint32_t number)
{
	return number == d->block_bitmap || number == d->inode_bitmap ||
	       (number >= d->inode_table && number - d->inode_table < table_blocks(fs));
}

static bool bit_is_set(const uint8_t *bits, uint32_t at)
{
	return bits[at / 8] & 1 << at % 8;
}

/* The first clear bit of [from, end), or NONE. */
static uint32_t find_clear(const uint8_t *bits, uint32_t from, uint32_t end)
{
	while (from < end) {
		if (!(from % 64) && end - from >= 64 &&
		    *(const uint64_t *)(bits + from / 8) == UINT64_MAX)
			from += 64;
		else if (bit_is_set(bits, from))
			from++;
		else
			return from;
	}
	return NONE;
}

/* A block of the group, the first free one at or behind from if there is one. */
static int take_block(struct ext2_fs *fs, uint32_t group, uint32_t from, uint32_t *number)
{
	const uint32_t first = first_block_of(fs, group), count = blocks_in(fs, group);
	struct ext2_block table, bitmap;
	struct ext2_group *d;
	uint32_t at;
	int error = ext2_group_read(fs, group, &table, &d);

	if (error)
		return error;
	error = d->free_blocks ? ext2_block_read(fs, d->block_bitmap, &bitmap) : -ENOSPC;
	if (error)
		goto out;
	at = find_clear(bitmap.data, from, count);
	if (at == NONE)
		at = find_clear(bitmap.data, 0, from);
	if (at == NONE || is_own(fs, d, first + at) || !ext2_block_is_data(fs, first + at)) {
		error = ext2_fail(fs, "group %u: bitmap and descriptor disagree", group);
	} else {
		((uint8_t *)bitmap.data)[at / 8] |= (uint8_t)(1 << at % 8);
		d->free_blocks--;
		fs->free_blocks--;
		ext2_block_dirty(fs, &bitmap);
		ext2_block_dirty(fs, &table);
		*number = first + at;
	}
	ext2_block_put(&bitmap);
out:
	ext2_block_put(&table);
	return error;
}

int ext2_allocate_block(struct ext2_fs *fs, uint32_t goal, uint32_t *number)
{
	const bool is_root = !process_this()->credentials.fsuid;
	uint32_t group, from;
	int error = ext2_check_writable(fs);

	if (error)
		return error;
	if (fs->free_blocks <= (is_root ? 0 : fs->reserved_blocks))
		return -ENOSPC;
	if (!ext2_block_is_data(fs, goal))
		goal = fs->first_data_block;
	group = (goal - fs->first_data_block) / fs->blocks_per_group;
	from = (goal - fs->first_data_block) % fs->blocks_per_group;
	error = -ENOSPC;
	for (uint32_t i = 0; i < fs->group_count && error == -ENOSPC; i++) {
		error = take_block(fs, group, from, number);
		group = group + 1 < fs->group_count ? group + 1 : 0;
		from = 0;
	}
	return error;
}

/* Clears a bit of a bitmap. */
static int clear_bit(struct ext2_fs *fs, uint32_t bitmap_block, uint32_t at, const char *what,
		     uint32_t number)
{
	struct ext2_block bitmap;
	int error = ext2_block_read(fs, bitmap_block, &bitmap);

	if (error)
		return error;
	if (bit_is_set(bitmap.data, at)) {
		((uint8_t *)bitmap.data)[at / 8] &= (uint8_t) ~(1 << at % 8);
		ext2_block_dirty(fs, &bitmap);
	} else {
		error = ext2_fail(fs, "%s %u is freed twice", what, number);
	}
	ext2_block_put(&bitmap);
	return error;
}

int ext2_free_block(struct ext2_fs *fs, uint32_t number)
{
	const uint32_t group = (number - fs->first_data_block) / fs->blocks_per_group;
	struct ext2_block table;
	struct ext2_group *d;
	int error = ext2_check_writable(fs);

	if (!error)
		error = ext2_group_read(fs, group, &table, &d);
	if (error)
		return error;
	if (is_own(fs, d, number))
		error = ext2_fail(fs, "block %u of group %u is in a file", number, group);
	else
		error = clear_bit(fs, d->block_bitmap,
				  (number - fs->first_data_block) % fs->blocks_per_group, "block",
				  number);
	if (!error) {
		d->free_blocks++;
		fs->free_blocks++;
		ext2_block_dirty(fs, &table);
	}
	ext2_block_put(&table);
	return error;
}

static int take_inode(struct ext2_fs *fs, uint32_t group, bool is_dir, uint32_t *number)
{
	/* the first ones are reserved: root, bad blocks, … */
	const uint32_t from = group ? 0 : fs->first_inode - 1;
	struct ext2_block table, bitmap;
	struct ext2_group *d;
	uint32_t at = NONE;
	int error = ext2_group_read(fs, group, &table, &d);

	if (error)
		return error;
	error = d->free_inodes ? ext2_block_read(fs, d->inode_bitmap, &bitmap) : -ENOSPC;
	if (error)
		goto out;
	at = find_clear(bitmap.data, from, fs->inodes_per_group);
	if (at == NONE) {
		error = ext2_fail(fs, "group %u: inode bitmap and descriptor disagree", group);
	} else {
		((uint8_t *)bitmap.data)[at / 8] |= (uint8_t)(1 << at % 8);
		d->free_inodes--;
		d->directories += is_dir;
		fs->free_inodes--;
		ext2_block_dirty(fs, &bitmap);
		ext2_block_dirty(fs, &table);
		*number = group * fs->inodes_per_group + at + 1;
	}
	ext2_block_put(&bitmap);
out:
	ext2_block_put(&table);
	return error;
}

/* For a directory: the first group from its parent's on with at least as many free inodes as the mean. */
static uint32_t group_for_dir(struct ext2_fs *fs, uint32_t group)
{
	const uint32_t mean = fs->free_inodes / fs->group_count;

	for (uint32_t i = 0; i < fs->group_count; i++) {
		struct ext2_block block;
		struct ext2_group *d;
		bool good;

		if (ext2_group_read(fs, group, &block, &d))
			break;
		good = d->free_inodes && d->free_inodes >= mean && d->free_blocks;
		ext2_block_put(&block);
		if (good)
			return group;
		group = group + 1 < fs->group_count ? group + 1 : 0;
	}
	return group;
}

int ext2_allocate_inode(struct ext2_fs *fs, uint32_t dir_number, bool is_dir, uint32_t *number)
{
	uint32_t group = (dir_number - 1) / fs->inodes_per_group;
	int error = ext2_check_writable(fs);

	if (error)
		return error;
	if (is_dir)
		group = group_for_dir(fs, group);
	error = -ENOSPC;
	for (uint32_t i = 0; i < fs->group_count && error == -ENOSPC; i++) {
		error = take_inode(fs, group, is_dir, number);
		group = group + 1 < fs->group_count ? group + 1 : 0;
	}
	return error;
}

int ext2_free_inode(struct ext2_fs *fs, uint32_t number, bool is_dir)
{
	const uint32_t group = (number - 1) / fs->inodes_per_group;
	struct ext2_block table;
	struct ext2_group *d;
	int error = ext2_check_writable(fs);

	if (!error)
		error = ext2_group_read(fs, group, &table, &d);
	if (error)
		return error;
	error = clear_bit(fs, d->inode_bitmap, (number - 1) % fs->inodes_per_group, "inode",
			  number);
	if (!error) {
		d->free_inodes++;
		d->directories -= is_dir && d->directories;
		fs->free_inodes++;
		ext2_block_dirty(fs, &table);
	}
	ext2_block_put(&table);
	return error;
}
