/* SPDX-License-Identifier: MIT
 *
 * Mounting and unmounting, the superblock, and what happens when the disk contradicts itself.
 */
#include "guest/fs/ext2/ext2.h"

#include <stdarg.h>

#include "guest/block/io.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"

#define RESERVED_INODES 10 /* of revision 0 */
#define GROUPS_MAX 65536   /* 8 TiB of 4 KiB blocks; each is looked at when mounting */

static const uint32_t known_incompatible = EXT2_INCOMPAT_FILETYPE;
static const uint32_t known_read_only = EXT2_RO_SPARSE_SUPER | EXT2_RO_LARGE_FILE;

static const char *name_of(const struct ext2_fs *fs)
{
	return fs->disk->queue->disk->name;
}

int ext2_check_writable(const struct ext2_fs *fs)
{
	return fs->super->read_only ? -EROFS : 0;
}

/* Reads the superblock's block and changes it. fs->lock held, or nobody else there yet. */
static int change_super(struct ext2_fs *fs,
			void (*change)(struct ext2_fs *fs, struct ext2_super_block *sb))
{
	struct ext2_block block;
	const int error = ext2_block_read(fs, fs->super_block, &block);

	if (error)
		return error;
	change(fs, (struct ext2_super_block *)((char *)block.data + fs->super_offset));
	cache_dirty(&fs->meta_inode.cache, block.page);
	ext2_block_put(&block);
	return 0;
}

static void mark_errors(struct ext2_fs *fs, struct ext2_super_block *sb)
{
	(void)fs;
	sb->state = (uint16_t)((sb->state & ~EXT2_CLEAN) | EXT2_HAS_ERRORS);
}

int ext2_fail(struct ext2_fs *fs, const char *format, ...)
{
	char text[128];
	va_list args;

	va_start(args, format);
	print_args_to(text, sizeof(text), format, args);
	va_end(args);
	if (fs->failed)
		return -EUCLEAN;
	fs->failed = true;
	print_level(LOG_ERROR, "ext2 on %s: %s; run e2fsck%s\n", name_of(fs), text,
		    fs->super->read_only ? "" : ", and read-only from here on");
	if (!fs->super->read_only)
		change_super(fs, mark_errors); /* that much is written, so that e2fsck looks */
	fs->super->read_only = true;
	return -EUCLEAN;
}

/* --- what a superblock may say */
static bool is_power_of(uint32_t n, uint32_t base)
{
	while (n > 1 && n % base == 0)
		n /= base;
	return n == 1;
}

static const char *check_layout(const struct ext2_super_block *sb)
{
	const uint64_t bits = sb->log_block_size > 2 ? 0 : 8ull * (1024u << sb->log_block_size);

	if (!bits)
		return "blocks larger than 4 KiB";
	if (sb->first_data_block != (sb->log_block_size ? 0u : 1u))
		return "a first data block that can't be";
	if (!sb->blocks_per_group || sb->blocks_per_group > bits || sb->blocks_per_group % 8 ||
	    !sb->inodes_per_group || sb->inodes_per_group > bits)
		return "groups larger than their bitmaps";
	if (sb->block_count <= sb->first_data_block + 3 || sb->free_blocks > sb->block_count ||
	    sb->reserved_blocks > sb->block_count)
		return "block counts that can't be";
	return NULL;
}

static const char *check_inodes(const struct ext2_super_block *sb, uint32_t groups)
{
	const uint32_t bytes = sb->revision ? sb->inode_bytes : EXT2_INODE_BYTES_MIN;

	if (bytes < EXT2_INODE_BYTES_MIN || bytes > 1024u << sb->log_block_size ||
	    !is_power_of(bytes, 2))
		return "an inode size that can't be";
	if ((uint64_t)groups * sb->inodes_per_group != sb->inode_count ||
	    sb->inodes_per_group % 8 || sb->inode_count < RESERVED_INODES)
		return "inode counts that can't be";
	if (sb->revision &&
	    (sb->first_inode <= EXT2_ROOT_INODE || sb->first_inode > sb->inodes_per_group))
		return "a first inode that can't be";
	return NULL;
}

static int refuse(const struct ext2_fs *fs, int error, const char *why)
{
	print_level(LOG_ERROR, "ext2 on %s: not mounted: it has %s\n", name_of(fs), why);
	return error;
}

/* Features that aren't known decide: no mount, or no writing. */
static int check_features(struct ext2_fs *fs, const struct ext2_super_block *sb)
{
	const uint32_t strange = sb->incompatible & ~known_incompatible;
	const uint32_t only_read = sb->read_only_compatible & ~known_read_only;
	char why[64];

	if (sb->revision > 1)
		return refuse(fs, -EINVAL, "a revision above 1");
	if (!sb->revision)
		return 0;
	if (strange) {
		print_to(why, sizeof(why), "unknown incompatible features %#x", strange);
		return refuse(fs, -EINVAL, why);
	}
	if (only_read && !fs->super->read_only) {
		print_level(LOG_WARNING, "ext2 on %s: features %#x allow reading only\n",
			    name_of(fs), only_read);
		fs->super->read_only = true;
	}
	fs->has_file_type = sb->incompatible & EXT2_INCOMPAT_FILETYPE;
	fs->has_large_file = sb->read_only_compatible & EXT2_RO_LARGE_FILE;
	return 0;
}

static int take_super(struct ext2_fs *fs, const struct ext2_super_block *sb)
{
	const char *why = check_layout(sb);
	uint64_t groups;

	if (!why && (uint64_t)sb->block_count * (2u << sb->log_block_size) >
			    fs->disk->queue->disk->sector_count)
		why = "more blocks than the disk";
	if (why)
		return refuse(fs, -EUCLEAN, why);
	groups = ((uint64_t)sb->block_count - sb->first_data_block + sb->blocks_per_group - 1) /
		 sb->blocks_per_group;
	why = groups > GROUPS_MAX ? "too many groups" : check_inodes(sb, (uint32_t)groups);
	if (why)
		return refuse(fs, -EUCLEAN, why);
	fs->group_count = (uint32_t)groups;
	fs->block_bytes = 1024u << sb->log_block_size;
	fs->block_sectors = fs->block_bytes / SECTOR_BYTES;
	fs->block_count = sb->block_count;
	fs->first_data_block = sb->first_data_block;
	fs->blocks_per_group = sb->blocks_per_group;
	fs->inodes_per_group = sb->inodes_per_group;
	fs->inode_count = sb->inode_count;
	fs->inode_bytes = sb->revision ? sb->inode_bytes : EXT2_INODE_BYTES_MIN;
	fs->first_inode = sb->revision ? sb->first_inode : RESERVED_INODES + 1;
	fs->reserved_blocks = sb->reserved_blocks;
	fs->descriptors_per_block = fs->block_bytes / sizeof(struct ext2_group);
	fs->super_block = EXT2_SUPER_OFFSET / fs->block_bytes;
	fs->super_offset = EXT2_SUPER_OFFSET % fs->block_bytes;
	fs->was_clean = (sb->state & EXT2_CLEAN) && !(sb->state & EXT2_HAS_ERRORS);
	return 0;
}

static int read_super(struct ext2_fs *fs)
{
	struct ext2_super_block *sb = kmalloc(sizeof(*sb));
	int error;

	if (!sb)
		return -ENOMEM;
	error = block_io(fs->disk->queue, BLOCK_READ, EXT2_SUPER_OFFSET / SECTOR_BYTES, sb,
			 sizeof(*sb));
	if (!error && sb->magic != EXT2_SUPER_MAGIC)
		error = -EINVAL; /* another file system; mount(8) tries several */
	if (!error)
		error = check_features(fs, sb);
	if (!error)
		error = take_super(fs, sb);
	kfree(sb);
	return error;
}

/* --- writing it */
static void store_counts(struct ext2_fs *fs, struct ext2_super_block *sb)
{
	sb->free_blocks = fs->free_blocks;
	sb->free_inodes = fs->free_inodes;
	sb->write_time = (uint32_t)time_now().seconds;
}

static void store_mounted(struct ext2_fs *fs, struct ext2_super_block *sb)
{
	store_counts(fs, sb);
	sb->state &= (uint16_t)~EXT2_CLEAN;
	sb->mount_time = sb->write_time;
	sb->mount_count++;
}

static void store_clean(struct ext2_fs *fs, struct ext2_super_block *sb)
{
	store_counts(fs, sb);
	if (fs->was_clean)
		sb->state |= EXT2_CLEAN;
}

static void store_large_file(struct ext2_fs *fs, struct ext2_super_block *sb)
{
	sb->read_only_compatible |= EXT2_RO_LARGE_FILE;
	fs->has_large_file = true;
}

int ext2_set_large_file(struct ext2_fs *fs)
{
	int error;

	mutex_lock(&fs->lock);
	error = change_super(fs, store_large_file);
	mutex_unlock(&fs->lock);
	return error;
}

/* --- the operations of a mounted one */
/* Data (which may get blocks), then inodes, then what they are found by. */
static void write_inodes(struct ext2_fs *fs)
{
	struct inode *inode;

	for (uint32_t after = 0; (inode = ext2_inode_next(fs, &after)); inode_put(inode)) {
		if ((inode->mode & S_IFMT) == S_IFREG)
			cache_write_back(&inode->cache, 0, UINT64_MAX);
		ext2_inode_write(inode);
	}
}

static int sync(struct super *super)
{
	struct ext2_fs *fs = super->private;
	int error = 0;

	if (!super->read_only) {
		write_inodes(fs);
		mutex_lock(&fs->lock);
		error = change_super(fs, store_counts);
		mutex_unlock(&fs->lock);
	}
	if (!error)
		error = cache_write_back(&fs->meta_inode.cache, 0, UINT64_MAX);
	return error ? error : block_io_flush(fs->disk->queue);
}

static void destroy(struct ext2_fs *fs)
{
	cache_truncate(&fs->meta_inode.cache, 0);
	block_release(fs->disk);
	fs->super->private = NULL;
	kfree(fs);
}

static void unmount(struct super *super)
{
	struct ext2_fs *fs = super->private;

	if (!super->read_only)
		change_super(fs, store_clean);
	cache_write_back(&fs->meta_inode.cache, 0, UINT64_MAX);
	block_io_flush(fs->disk->queue);
	destroy(fs);
}

static void statistics(struct super *super, struct fs_statistics *to)
{
	struct ext2_fs *fs = super->private;

	*to = (struct fs_statistics){.type = EXT2_SUPER_MAGIC,
				     .block_bytes = fs->block_bytes,
				     .blocks = fs->block_count,
				     .blocks_free = fs->free_blocks,
				     .files = fs->inode_count,
				     .files_free = fs->free_inodes,
				     .name_max = EXT2_NAME_MAX};
}

static const struct super_operations super_operations = {
	.drop_inode = ext2_inode_drop,
	.sync = sync,
	.unmount = unmount,
	.statistics = statistics,
};

/* --- mounting */
static struct ext2_fs *create(struct super *super, struct block_node *disk)
{
	struct ext2_fs *fs = kmalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	fs->super = super;
	fs->disk = disk;
	mutex_init(&fs->lock);
	mutex_init(&fs->inode_lock);
	waitq_init(&fs->gone);
	for (unsigned i = 0; i < EXT2_LIVE_BUCKETS; i++)
		list_init(&fs->live[i]);
	fs->meta_inode.refs = fs->meta_inode.nlink = 1;
	fs->meta_inode.super = super;
	mutex_init(&fs->meta_inode.lock);
	cache_init(&fs->meta_inode.cache, &ext2_meta_operations, &fs->meta_inode);
	super->private = fs;
	super->operations = &super_operations;
	super->read_only |= disk->queue->disk->read_only;
	return fs;
}

static int open_root(struct ext2_fs *fs)
{
	struct inode *root;
	int error = ext2_inode_get(fs->super, EXT2_ROOT_INODE, &root);

	if (error)
		return error;
	if ((root->mode & S_IFMT) != S_IFDIR)
		error = ext2_fail(fs, "its root is no directory");
	else if (!(fs->super->root = dentry_create_root(fs->super, root)))
		error = -ENOMEM;
	if (error)
		inode_put(root);
	return error;
}

static int mount(struct super *super, const char *source, const char *options)
{
	struct block_node *disk;
	struct ext2_fs *fs;
	int error = block_claim(source, &disk);

	(void)options;
	if (error)
		return error;
	fs = create(super, disk);
	if (!fs) {
		block_release(disk);
		return -ENOMEM;
	}
	error = read_super(fs);
	if (!error && !fs->was_clean)
		print_level(LOG_WARNING, "ext2 on %s: was not unmounted cleanly; run e2fsck\n",
			    name_of(fs));
	if (!error)
		error = ext2_groups_check(fs);
	if (!error)
		error = open_root(fs);
	if (!error && !super->read_only)
		error = change_super(fs, store_mounted);
	if (error)
		destroy(fs);
	return error;
}

void ext2_init(void)
{
	static struct file_system type = {.name = "ext2", .needs_device = true, .mount = mount};

	file_system_register(&type);
}
