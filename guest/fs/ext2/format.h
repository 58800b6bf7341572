/* SPDX-License-Identifier: MIT
 *
 * ext2 on disk; all little-endian. Revision 0 has inodes of 128 bytes and no features.
 *
 *   byte 1024: superblock; then, in each group of blocks: (copies of superblock and descriptors,)
 *   block bitmap, inode bitmap, inode table, data
 */
#ifndef GUEST_FS_EXT2_FORMAT_H
#define GUEST_FS_EXT2_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define EXT2_SUPER_MAGIC 0xef53
#define EXT2_SUPER_OFFSET 1024
#define EXT2_ROOT_INODE 2
#define EXT2_INODE_BYTES_MIN 128
#define EXT2_DIRECT_BLOCKS 12
#define EXT2_BLOCK_POINTERS 15
#define EXT2_NAME_MAX 255
#define EXT2_LINK_MAX 32000
#define EXT2_FAST_LINK_MAX 59 /* a target this long lies in the block pointers */

enum ext2_state { EXT2_CLEAN = 1, EXT2_HAS_ERRORS = 2 };
enum ext2_on_error { EXT2_CONTINUE = 1, EXT2_READ_ONLY = 2, EXT2_PANIC = 3 };
enum ext2_incompatible { EXT2_INCOMPAT_FILETYPE = 2 };
enum ext2_read_only_compatible { EXT2_RO_SPARSE_SUPER = 1, EXT2_RO_LARGE_FILE = 2 };
enum ext2_compatible { EXT2_COMPAT_EXT_ATTR = 8, EXT2_COMPAT_DIR_INDEX = 0x20 };
enum ext2_inode_flag {
	EXT2_FLAG_IMMUTABLE = 0x10,
	EXT2_FLAG_APPEND = 0x20,
	EXT2_FLAG_INDEX = 0x1000
};

struct ext2_super_block {
	uint32_t inode_count, block_count, reserved_blocks, free_blocks;
	uint32_t free_inodes, first_data_block, log_block_size, log_fragment_size;
	uint32_t blocks_per_group, fragments_per_group, inodes_per_group, mount_time;
	uint32_t write_time;
	uint16_t mount_count, mount_count_max, magic, state;
	uint16_t on_error, minor_revision;
	uint32_t check_time, check_interval, creator, revision;
	uint16_t reserved_uid, reserved_gid;
	/* revision 1 */
	uint32_t first_inode;
	uint16_t inode_bytes, group;
	uint32_t compatible, incompatible, read_only_compatible;
	uint8_t uuid[16];
	char volume[16], last_mounted[64];
	uint32_t compression;
	uint8_t rest[820];
};
_Static_assert(sizeof(struct ext2_super_block) == 1024, "superblock");
_Static_assert(offsetof(struct ext2_super_block, magic) == 56, "superblock: magic");
_Static_assert(offsetof(struct ext2_super_block, first_inode) == 84, "superblock: revision 1");

struct ext2_group {
	uint32_t block_bitmap, inode_bitmap, inode_table;
	uint16_t free_blocks, free_inodes, directories, pad;
	uint32_t reserved[3];
};
_Static_assert(sizeof(struct ext2_group) == 32, "group descriptor");

struct ext2_disk_inode {
	uint16_t mode, uid;
	uint32_t size, atime, ctime, mtime, dtime;
	uint16_t gid, links;
	uint32_t blocks_512, flags, os1;
	uint32_t block[EXT2_BLOCK_POINTERS];
	uint32_t generation, file_acl, size_high, fragment;
	uint16_t fragment2, pad, uid_high, gid_high;
	uint32_t os2;
};
_Static_assert(sizeof(struct ext2_disk_inode) == EXT2_INODE_BYTES_MIN, "inode");

struct ext2_dir_entry {
	uint32_t inode; /* 0: unused */
	uint16_t bytes; /* to the next entry; the last one goes to the end of its block */
	uint8_t name_length, type; /* type: 0 without EXT2_INCOMPAT_FILETYPE */
	char name[];
};
#define EXT2_DIR_ENTRY_BYTES(name_length) (((name_length) + 8u + 3) & ~3u)

#endif
