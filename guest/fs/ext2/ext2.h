/* SPDX-License-Identifier: MIT
 *
 * ext2 inside: a mounted file system, its inodes, and the functions of its files.
 *
 * Metadata blocks are pages of fs->meta, a page cache with one block a page (a page of the disk's own
 * cache would write back neighbours that are file data). Data is in the page caches of the inodes.
 *
 * Locks: inode->lock, a page's lock, fs->lock. fs->lock (a mutex) guards bitmaps, descriptors, superblock
 * and all block pointers; it is taken for short, and with a page of data locked (write-back allocates).
 * Pages of fs->meta are locked below it.
 *
 * Nothing on the disk is believed: a number is checked where it is read, and what is wrong makes the file
 * system read-only and the call fail with -EUCLEAN.
 */
#ifndef GUEST_FS_EXT2_EXT2_H
#define GUEST_FS_EXT2_EXT2_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/block/device.h"
#include "guest/fs/ext2/format.h"
#include "guest/fs/vfs.h"
#include "guest/mm/page.h"

#define EXT2_LIVE_BUCKETS 64

struct ext2_fs {
	struct super *super;
	struct block_node *disk;
	struct inode meta_inode; /* for its page cache: block n at index n */
	struct mutex lock;
	uint32_t block_bytes, block_sectors, block_count, first_data_block;
	uint32_t blocks_per_group, inodes_per_group, inode_count, first_inode, inode_bytes;
	uint32_t group_count, descriptors_per_block, reserved_blocks;
	uint32_t free_blocks, free_inodes; /* sums of the descriptors */
	uint32_t super_block;		   /* the block with the superblock, and where in it */
	uint32_t super_offset;
	bool has_file_type, has_large_file, was_clean, failed;
	struct mutex inode_lock; /* one inode at a time is looked up; outside of all others */
	struct spinlock live_lock;
	struct list live[EXT2_LIVE_BUCKETS]; /* struct ext2_inode of those in memory */
	struct waitq gone;		     /* woken when one leaves */
};

struct ext2_inode { /* inode->private */
	uint32_t block[EXT2_BLOCK_POINTERS];
	uint32_t flags, generation, file_acl, dtime;
	uint32_t last_block; /* allocated last: the goal of the next */
	bool dirty;	     /* newer than its place in fs->meta */
	uint32_t number;
	struct inode *inode;
	struct list live; /* of fs->live */
};

static inline struct ext2_fs *ext2_fs_of(const struct inode *inode)
{
	return inode->super->private;
}

static inline struct ext2_inode *ext2_inode_of(const struct inode *inode)
{
	return inode->private;
}

/* The disk contradicts itself: says so once, and no more is written. Returns -EUCLEAN. */
int ext2_fail(struct ext2_fs *fs, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* 0 or -EROFS. */
int ext2_check_writable(const struct ext2_fs *fs);

/* --- meta.c: blocks of metadata */
struct ext2_block {
	struct page *page;
	void *data;
};
int ext2_block_read(struct ext2_fs *fs, uint32_t number, struct ext2_block *block);
/* All zeroes, whatever the disk has. */
int ext2_block_new(struct ext2_fs *fs, uint32_t number, struct ext2_block *block);
void ext2_block_dirty(struct ext2_fs *fs, const struct ext2_block *block);
void ext2_block_put(const struct ext2_block *block);
/* It is metadata no longer: what was changed of it is not written. */
void ext2_block_forget(struct ext2_fs *fs, uint32_t number);
extern const struct cache_operations ext2_meta_operations;
/* Whether a block may belong to a file: inside the file system, and none of its own. */
bool ext2_block_is_data(const struct ext2_fs *fs, uint32_t number);

/* --- groups.c: bitmaps and descriptors. fs->lock held. */
int ext2_group_read(struct ext2_fs *fs, uint32_t group, struct ext2_block *block,
		    struct ext2_group **descriptor);
/* A block near goal, marked as used: 0, -ENOSPC, … */
int ext2_allocate_block(struct ext2_fs *fs, uint32_t goal, uint32_t *number);
int ext2_free_block(struct ext2_fs *fs, uint32_t number);
/* An inode number near its directory's (another group for a directory). */
int ext2_allocate_inode(struct ext2_fs *fs, uint32_t dir_number, bool is_dir, uint32_t *number);
int ext2_free_inode(struct ext2_fs *fs, uint32_t number, bool is_dir);
/* Checks every descriptor and sums the free blocks and inodes; at mount. */
int ext2_groups_check(struct ext2_fs *fs);

/* --- map.c: from a file's blocks to the disk's */
/* *number is 0: a hole. */
int ext2_map(struct inode *inode, uint64_t index, uint32_t *number);
/* The same, but a hole gets a block; *fresh says so. Its content is whatever it was. */
int ext2_map_allocate(struct inode *inode, uint64_t index, uint32_t *number, bool *fresh);
/* Frees all blocks from index on. */
int ext2_map_truncate(struct inode *inode, uint64_t index);
uint64_t ext2_map_limit(const struct ext2_fs *fs); /* in blocks */

/* --- inode.c */
int ext2_inode_get(struct super *super, uint32_t number, struct inode **inode);
/* A new one on disk and in memory, with nlink 0, and owned by nobody yet. */
int ext2_inode_new(struct inode *dir, uint32_t mode, uint64_t rdev, struct inode **made);
/* Into its place in fs->meta. */
int ext2_inode_write(struct inode *inode);
/* The one in memory with the next number above *after that is newer there than on disk, referenced. */
struct inode *ext2_inode_next(struct ext2_fs *fs, uint32_t *after);
void ext2_inode_drop(struct inode *inode);
int ext2_inode_changed(struct inode *inode);
int ext2_inode_sync(struct inode *inode);

/* --- data.c: contents of regular files */
extern const struct cache_operations ext2_data_operations;
extern const struct inode_operations ext2_file_inode_operations;
extern const struct file_operations ext2_file_operations;
int ext2_truncate(struct inode *inode, uint64_t size);

/* --- dir.c: entries of directories. inode->lock of dir held. */
int ext2_dir_find(struct inode *dir, const char *name, size_t length, uint32_t *number);
int ext2_dir_add(struct inode *dir, const char *name, size_t length, uint32_t number,
		 uint32_t mode);
int ext2_dir_remove(struct inode *dir, const char *name, size_t length);
/* Makes the entry (e.g. "..") name another inode. */
int ext2_dir_replace(struct inode *dir, const char *name, size_t length, uint32_t number,
		     uint32_t mode);
int ext2_dir_is_empty(struct inode *dir); /* 0, -ENOTEMPTY or worse */
int ext2_dir_create_dots(struct inode *dir, uint32_t parent_number);
extern const struct file_operations ext2_dir_file_operations;

/* --- names.c */
extern const struct inode_operations ext2_dir_inode_operations, ext2_link_operations,
	ext2_special_operations;

/* --- super.c. A file is larger than 2 GiB for the first time. */
int ext2_set_large_file(struct ext2_fs *fs);

/* Registers the file system "ext2". */
void ext2_init(void);

#endif
