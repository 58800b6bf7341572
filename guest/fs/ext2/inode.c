/* SPDX-License-Identifier: MIT
 *
 * Inodes between disk and memory.
 *
 * An inode that is being forgotten may still be writing its pages when its name is looked up again; who
 * looks waits until it is gone (fs->live), so that there is never a second one.
 */
#include "guest/fs/ext2/ext2.h"

#include "guest/block/io.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"

#define TIME_MAX UINT32_MAX

/* --- the table of those in memory */
static struct list *bucket_of(struct ext2_fs *fs, uint32_t number)
{
	return &fs->live[number % EXT2_LIVE_BUCKETS];
}

static bool is_live(struct ext2_fs *fs, uint32_t number)
{
	const uint64_t flags = spin_lock(&fs->live_lock);
	bool found = false;

	list_for_each(link, bucket_of(fs, number))
		found |= container_of(link, struct ext2_inode, live)->number == number;
	spin_unlock(&fs->live_lock, flags);
	return found;
}

static void enter_live(struct ext2_fs *fs, struct ext2_inode *e)
{
	const uint64_t flags = spin_lock(&fs->live_lock);

	list_add_last(bucket_of(fs, e->number), &e->live);
	spin_unlock(&fs->live_lock, flags);
}

static void leave_live(struct ext2_fs *fs, struct ext2_inode *e)
{
	const uint64_t flags = spin_lock(&fs->live_lock);

	list_remove(&e->live);
	spin_unlock(&fs->live_lock, flags);
	waitq_wake(&fs->gone);
}

static bool is_newer(const struct ext2_inode *e)
{
	return e->dirty || e->inode->cache.dirty_count;
}

struct inode *ext2_inode_next(struct ext2_fs *fs, uint32_t *after)
{
	for (;;) {
		const uint64_t flags = spin_lock(&fs->live_lock);
		uint32_t best = UINT32_MAX;
		struct inode *inode;

		for (unsigned i = 0; i < EXT2_LIVE_BUCKETS; i++)
			list_for_each(link, &fs->live[i])
			{
				const struct ext2_inode *e = container_of(link, struct ext2_inode,
									  live);

				if (e->number > *after && e->number < best && is_newer(e))
					best = e->number;
			}
		spin_unlock(&fs->live_lock, flags);
		if (best == UINT32_MAX)
			return NULL;
		*after = best;
		inode = inode_find(fs->super, best);
		if (inode) /* else it is being written and forgotten just now */
			return inode;
	}
}

/* --- reading */
static int find_on_disk(struct ext2_fs *fs, uint32_t number, struct ext2_block *block,
			struct ext2_disk_inode **disk)
{
	const uint32_t index = (number - 1) % fs->inodes_per_group;
	const uint32_t per_block = fs->block_bytes / fs->inode_bytes;
	struct ext2_block table;
	struct ext2_group *d;
	uint32_t at;
	int error = ext2_group_read(fs, (number - 1) / fs->inodes_per_group, &table, &d);

	if (error)
		return error;
	at = d->inode_table + index / per_block;
	ext2_block_put(&table);
	error = ext2_block_read(fs, at, block);
	if (!error)
		*disk = (struct ext2_disk_inode *)((char *)block->data +
						   index % per_block * fs->inode_bytes);
	return error;
}

static const struct inode_operations *operations_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return &ext2_file_inode_operations;
	case S_IFDIR: return &ext2_dir_inode_operations;
	case S_IFLNK: return &ext2_link_operations;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK: return &ext2_special_operations;
	default: return NULL;
	}
}

static void set_operations(struct inode *inode)
{
	inode->operations = operations_of(inode->mode);
	if ((inode->mode & S_IFMT) == S_IFREG) {
		inode->file_operations = &ext2_file_operations;
		cache_init(&inode->cache, &ext2_data_operations, inode);
	} else if ((inode->mode & S_IFMT) == S_IFDIR) {
		inode->file_operations = &ext2_dir_file_operations;
	}
}

/* What can be wrong with an inode by itself. Pointers are checked when they are used. */
static int check(struct ext2_fs *fs, uint32_t number, const struct ext2_disk_inode *disk)
{
	const bool is_dir = (disk->mode & S_IFMT) == S_IFDIR;
	const bool is_file = (disk->mode & S_IFMT) == S_IFREG;
	const uint64_t size = disk->size | (is_file ? (uint64_t)disk->size_high << 32 : 0);

	if (!operations_of(disk->mode))
		return ext2_fail(fs, "inode %u has an unknown type (%x)", number, disk->mode);
	if (!disk->links)
		return ext2_fail(fs, "inode %u has a name, but is deleted", number);
	if (size > ext2_map_limit(fs) * fs->block_bytes || (is_dir && size % fs->block_bytes) ||
	    (!is_dir && !is_file && size > fs->block_bytes))
		return ext2_fail(fs, "inode %u has an impossible size (%lu)", number, size);
	return 0;
}

static void take_over(struct inode *inode, const struct ext2_disk_inode *disk)
{
	struct ext2_inode *e = ext2_inode_of(inode);
	const uint32_t type = disk->mode & S_IFMT;

	inode->mode = disk->mode;
	inode->uid = disk->uid | (uint32_t)disk->uid_high << 16;
	inode->gid = disk->gid | (uint32_t)disk->gid_high << 16;
	inode->nlink = disk->links;
	inode->size = disk->size | (type == S_IFREG ? (uint64_t)disk->size_high << 32 : 0);
	inode->blocks_512 = disk->blocks_512;
	inode->atime = (struct time_spec){disk->atime, 0};
	inode->mtime = (struct time_spec){disk->mtime, 0};
	inode->ctime = (struct time_spec){disk->ctime, 0};
	if (type == S_IFCHR || type == S_IFBLK)
		inode->rdev = disk->block[0] ? disk->block[0] : disk->block[1];
	memcpy(e->block, disk->block, sizeof(e->block));
	e->flags = disk->flags;
	e->generation = disk->generation;
	e->file_acl = disk->file_acl;
}

/* In memory, with an ext2_inode. */
static struct inode *create(struct super *super, uint32_t number, uint32_t mode)
{
	struct ext2_fs *fs = super->private;
	struct ext2_inode *e = kmalloc(sizeof(*e));
	struct inode *inode = e ? inode_create(super, number, mode) : NULL;

	if (!inode) {
		kfree(e);
		return NULL;
	}
	e->number = number;
	e->inode = inode;
	inode->private = e;
	enter_live(fs, e);
	return inode;
}

static int read_inode(struct super *super, uint32_t number, struct inode **found)
{
	struct ext2_fs *fs = super->private;
	struct ext2_disk_inode *disk;
	struct ext2_block block;
	int error = find_on_disk(fs, number, &block, &disk);

	if (error)
		return error;
	error = check(fs, number, disk);
	*found = error ? NULL : create(super, number, disk->mode);
	if (*found) {
		take_over(*found, disk);
		set_operations(*found);
	}
	ext2_block_put(&block);
	return error ? error : *found ? 0 : -ENOMEM;
}

int ext2_inode_get(struct super *super, uint32_t number, struct inode **inode)
{
	struct ext2_fs *fs = super->private;
	int error = 0;

	if (number > fs->inode_count || (number != EXT2_ROOT_INODE && number < fs->first_inode))
		return ext2_fail(fs, "inode %u has a name, but can't have one", number);
	mutex_lock(&fs->inode_lock);
	while (!(*inode = inode_find(super, number)) && is_live(fs, number))
		wait_uninterruptible(&fs->gone, !is_live(fs, number));
	if (!*inode)
		error = read_inode(super, number, inode);
	mutex_unlock(&fs->inode_lock);
	return error;
}

/* --- writing */
static uint32_t disk_time(const struct time_spec *time)
{
	return time->seconds < 0	  ? 0
	       : time->seconds > TIME_MAX ? TIME_MAX
					  : (uint32_t)time->seconds;
}

static void fill_in(const struct inode *inode, struct ext2_disk_inode *disk)
{
	const struct ext2_inode *e = ext2_inode_of(inode);

	disk->mode = (uint16_t)inode->mode;
	disk->uid = (uint16_t)inode->uid;
	disk->uid_high = (uint16_t)(inode->uid >> 16);
	disk->gid = (uint16_t)inode->gid;
	disk->gid_high = (uint16_t)(inode->gid >> 16);
	disk->links = (uint16_t)inode->nlink;
	disk->size = (uint32_t)inode->size;
	if ((inode->mode & S_IFMT) == S_IFREG)
		disk->size_high = (uint32_t)(inode->size >> 32);
	disk->blocks_512 = (uint32_t)inode->blocks_512;
	disk->atime = disk_time(&inode->atime);
	disk->mtime = disk_time(&inode->mtime);
	disk->ctime = disk_time(&inode->ctime);
	disk->dtime = e->dtime;
	disk->flags = e->flags;
	disk->generation = e->generation;
	disk->file_acl = e->file_acl;
	memcpy(disk->block, e->block, sizeof(e->block));
}

int ext2_inode_write(struct inode *inode)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	struct ext2_disk_inode *disk;
	struct ext2_block block;
	int error = ext2_check_writable(fs);

	if (!error)
		error = find_on_disk(fs, inode->number, &block, &disk);
	if (error)
		return error;
	mutex_lock(&fs->lock); /* the pointers stand still, and so does the block */
	ext2_inode_of(inode)->dirty = false;
	fill_in(inode, disk);
	mutex_unlock(&fs->lock);
	if (inode->size > INT32_MAX && !fs->has_large_file)
		error = ext2_set_large_file(fs);
	ext2_block_dirty(fs, &block);
	ext2_block_put(&block);
	return error;
}

int ext2_inode_changed(struct inode *inode)
{
	return inode->super->read_only ? 0 : ext2_inode_write(inode);
}

/* Over what the disk has there, because older contents of the table mean nothing. */
static int clear_on_disk(struct ext2_fs *fs, uint32_t number)
{
	struct ext2_disk_inode *disk;
	struct ext2_block block;
	int error = find_on_disk(fs, number, &block, &disk);

	if (error)
		return error;
	memset(disk, 0, fs->inode_bytes);
	ext2_block_dirty(fs, &block);
	ext2_block_put(&block);
	return 0;
}

int ext2_inode_new(struct inode *dir, uint32_t mode, uint64_t rdev, struct inode **made)
{
	struct ext2_fs *fs = ext2_fs_of(dir);
	const bool is_dir = (mode & S_IFMT) == S_IFDIR;
	struct inode *inode;
	uint32_t number;
	int error;

	mutex_lock(&fs->lock);
	error = ext2_allocate_inode(fs, dir->number, is_dir, &number);
	mutex_unlock(&fs->lock);
	if (error)
		return error;
	wait_uninterruptible(&fs->gone, !is_live(fs, number));
	error = clear_on_disk(fs, number);
	inode = error ? NULL : create(dir->super, number, mode);
	if (!inode) {
		mutex_lock(&fs->lock);
		ext2_free_inode(fs, number, is_dir);
		mutex_unlock(&fs->lock);
		return error ? error : -ENOMEM;
	}
	inode->nlink = 0;
	inode->rdev = rdev;
	if (rdev)
		ext2_inode_of(inode)->block[rdev >> 16 ? 1 : 0] = (uint32_t)rdev;
	set_operations(inode);
	*made = inode;
	return 0;
}

/* A deleted file's blocks and number become free; block pointers of links and devices are none. */
static void delete (struct inode *inode)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	struct ext2_inode *e = ext2_inode_of(inode);
	const uint32_t type = inode->mode & S_IFMT;
	int error = 0;

	e->dtime = disk_time(&(struct time_spec){time_now().seconds, 0});
	if (type == S_IFREG || type == S_IFDIR || (type == S_IFLNK && inode->blocks_512))
		error = ext2_map_truncate(inode, 0);
	inode->size = 0;
	if (!error)
		error = ext2_inode_write(inode);
	if (error)
		return;
	mutex_lock(&fs->lock);
	ext2_free_inode(fs, inode->number, type == S_IFDIR);
	mutex_unlock(&fs->lock);
}

void ext2_inode_drop(struct inode *inode)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	struct ext2_inode *e = ext2_inode_of(inode);

	if (!e)
		return;
	if (!inode->super->read_only && !fs->failed) {
		if (!inode->nlink)
			delete (inode);
		else if (e->dirty)
			ext2_inode_write(inode);
	}
	leave_live(fs, e);
	kfree(e);
}

/* The inode's number is in its table, and the table on the disk. */
int ext2_inode_sync(struct inode *inode)
{
	struct ext2_fs *fs = ext2_fs_of(inode);
	int error = fs->failed ? -EIO : ext2_inode_changed(inode);

	if (!error)
		error = cache_write_back(&fs->meta_inode.cache, 0, UINT64_MAX);
	return error ? error : block_io_flush(fs->disk->queue);
}
