/* SPDX-License-Identifier: MIT
 *
 * See tmpfs.h. A directory's inode has no data at all.
 */
#include "guest/fs/tmpfs.h"

#include "guest/fs/initramfs.h"
#include "guest/fs/mounts.h"
#include "guest/lib/number.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"
#include "guest/proc/signal.h"

#define SUPER_MAGIC 0x01021994
#define INODES_MAX 65536

static const struct inode_operations file_inode_operations, link_operations;
static const struct file_operations file_file_operations;
/* No way to read or write pages: memory is where they belong. */
static const struct cache_operations cache_operations;

struct inode *tmpfs_create_inode(struct super *super, uint32_t mode, uint64_t number, uint64_t rdev)
{
	struct tmpfs *fs = super->private;
	struct inode *inode;

	if (fs->inodes_used >= fs->inodes_max)
		return NULL;
	inode = inode_create(super, number, mode);
	if (!inode)
		return NULL;
	__atomic_fetch_add(&fs->inodes_used, 1, __ATOMIC_RELAXED);
	inode->rdev = rdev;
	inode->operations = &file_inode_operations;
	switch (mode & S_IFMT) {
	case S_IFDIR:
		inode->operations = &tmpfs_dir_operations;
		inode->file_operations = &tmpfs_dir_file_operations;
		inode->nlink = 2;
		break;
	case S_IFLNK: inode->operations = &link_operations; break;
	case S_IFREG:
		inode->file_operations = &file_file_operations;
		cache_init(&inode->cache, &cache_operations, inode);
		break;
	default: break;
	}
	return inode;
}

static int create(struct inode *dir, const char *name, size_t length, uint32_t mode, uint64_t rdev,
		  struct inode **made)
{
	(void)name, (void)length;
	*made = tmpfs_create_inode(dir->super, mode, 0, rdev);
	return *made ? 0 : -ENOSPC;
}

static int make_dir(struct inode *dir, const char *name, size_t length, uint32_t mode,
		    struct inode **made)
{
	int error = create(dir, name, length, S_IFDIR | mode, 0, made);

	if (!error)
		dir->nlink++;
	return error;
}

static int make_symlink(struct inode *dir, const char *name, size_t length, const char *target,
			struct inode **made)
{
	const size_t size = strlen(target);
	char *text = kmalloc(size + 1);
	int error = text ? create(dir, name, length, S_IFLNK | 0777, 0, made) : -ENOMEM;

	if (error) {
		kfree(text);
		return error;
	}
	memcpy(text, target, size);
	(*made)->private = text;
	(*made)->size = size;
	return 0;
}

static int make_link(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	(void)dir, (void)name, (void)length;
	inode->nlink++;
	return 0;
}

static int unlink_name(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	(void)dir, (void)name, (void)length;
	inode->nlink--;
	initramfs_unlinked(inode);
	return 0;
}

static int remove_dir(struct inode *dir, const char *name, size_t length, struct inode *inode)
{
	(void)name, (void)length;
	inode->nlink = 0;
	dir->nlink--;
	return 0;
}

static int rename_name(struct inode *from, const char *name, size_t length, struct inode *to,
		       const char *new_name, size_t new_length, struct inode *inode,
		       struct inode *victim)
{
	const bool directory = (inode->mode & S_IFMT) == S_IFDIR;

	(void)name, (void)length;
	if (victim && directory)
		remove_dir(to, new_name, new_length, victim);
	else if (victim)
		unlink_name(to, new_name, new_length, victim);
	if (directory) {
		from->nlink--;
		to->nlink++;
	}
	return 0;
}

static int make_temporary(struct inode *dir, uint32_t mode, struct inode **made)
{
	int error = create(dir, NULL, 0, mode, 0, made);

	if (!error)
		(*made)->nlink = 0;
	return error;
}

static int64_t read_link(struct inode *inode, char *to, size_t size)
{
	const size_t length = inode->size < size ? inode->size : size;

	memcpy(to, inode->private, length);
	return (int64_t)length;
}

/* Counts the pages that the file has by now, also those that came by faults or are in swap. */
static void settle(struct inode *inode)
{
	struct tmpfs *fs = inode->super->private;
	const uint64_t now = inode->cache.page_count * (PAGE_BYTES / 512);
	const uint64_t before = __atomic_exchange_n(&inode->blocks_512, now, __ATOMIC_RELAXED);

	__atomic_fetch_add(&fs->pages_used, /* modulo 2^64: it may be fewer */
			   now / (PAGE_BYTES / 512) - before / (PAGE_BYTES / 512),
			   __ATOMIC_RELAXED);
}

static int reserve_page(struct inode *inode, uint64_t index)
{
	const struct tmpfs *fs = inode->super->private;

	(void)index;
	settle(inode);
	return fs->pages_used < fs->pages_max ? 0 : -ENOSPC;
}

static int64_t write_file(struct file *file, struct iobuf *from, uint64_t *position)
{
	const int64_t done = file_write_cached(file, from, position);

	settle(file->inode);
	return done;
}

static int truncate_file(struct inode *inode, uint64_t size)
{
	initramfs_truncated(inode, size);
	settle(inode);
	return 0;
}

/* Pages that aren't there are holes; what the initramfs has counts as data. */
static uint64_t find_data(struct inode *inode, uint64_t offset, bool hole)
{
	struct page_cache *cache = &inode->cache;
	uint64_t index = offset / PAGE_BYTES, next = index;
	const uint64_t flags = spin_lock(&cache->lock);

	if (cache->operations->read_page)
		next = hole ? inode->size / PAGE_BYTES + 1 : index;
	else if (!hole)
		next = radix_next(&cache->pages, &index) ? index : UINT64_MAX / PAGE_BYTES;
	else
		while (radix_find(&cache->pages, next))
			next++;
	spin_unlock(&cache->lock, flags);
	return next * PAGE_BYTES > offset ? next * PAGE_BYTES : offset;
}

static void drop_inode(struct inode *inode)
{
	struct tmpfs *fs = inode->super->private;

	settle(inode); /* it has no pages left */
	__atomic_fetch_sub(&fs->inodes_used, 1, __ATOMIC_RELAXED);
	if (!initramfs_owns(inode->private))
		kfree(inode->private);
}

/* fallocate(2): pages are made up to the end, or (punched) taken away; whole ones, the rest is zeroed. */
static int allocate(struct inode *inode, unsigned mode, uint64_t start, uint64_t end)
{
	const bool punch = mode & FALLOC_PUNCH_HOLE;
	int error = 0;

	for (uint64_t at = start; at < end && !error;) {
		const uint64_t page_end = (at / PAGE_BYTES + 1) * PAGE_BYTES;
		const uint64_t stop = page_end < end ? page_end : end;
		struct page *page = cache_find(&inode->cache, at / PAGE_BYTES);

		if (!page && !punch)
			error = reserve_page(inode, at / PAGE_BYTES);
		if (!page && !error && (!punch || inode->cache.operations->read_page))
			page = cache_read(&inode->cache, at / PAGE_BYTES, &error);
		if (page && punch) {
			memset((char *)page_data(page) + at % PAGE_BYTES, 0, stop - at);
			cache_dirty(&inode->cache, page);
		}
		if (page)
			page_put(page);
		if (signal_is_pending())
			error = -EINTR;
		at = stop;
	}
	if (!error && !punch && !(mode & FALLOC_KEEP_SIZE) && end > inode->size)
		inode->size = end;
	settle(inode);
	return error;
}

static bool add_dots(struct file *file, struct dir_sink *sink)
{
	const struct dentry *dir = file->path.dentry;
	const uint64_t self = dir->inode->number, up = dir->parent->inode->number;

	if (file->position == 0 && sink->add(sink, ".", 1, self, S_IFDIR, 1))
		file->position = 1;
	if (file->position == 1 && sink->add(sink, "..", 2, up, S_IFDIR, 2))
		file->position = 2;
	return file->position >= 2;
}

/* Positions: 0 ".", 1 "..", then 2 + the position of a dentry. The directory is locked. */
static int read_dir(struct file *file, struct dir_sink *sink)
{
	struct dentry *dir = file->path.dentry;
	int error = file->inode->operations->fill ? file->inode->operations->fill(dir) : 0;

	if (error || !add_dots(file, sink))
		return error;
	list_for_each(link, &dir->children)
	{
		const struct dentry *child = container_of(link, struct dentry, sibling);

		if (child->position + 2 <= file->position)
			continue;
		if (!sink->add(sink, child->name, child->length, child->inode->number,
			       child->inode->mode, child->position + 2))
			break;
		file->position = child->position + 2;
	}
	return 0;
}

static void statistics(struct super *super, struct fs_statistics *to)
{
	const struct tmpfs *fs = super->private;

	*to = (struct fs_statistics){
		.type = SUPER_MAGIC,
		.block_bytes = PAGE_BYTES,
		.blocks = fs->pages_max,
		.blocks_free = fs->pages_used < fs->pages_max ? fs->pages_max - fs->pages_used : 0,
		.files = fs->inodes_max,
		.files_free = fs->inodes_max - fs->inodes_used,
		.name_max = NAME_MAX};
}

static void unmount(struct super *super)
{
	initramfs_unmounted(super);
	kfree(super->private);
}

static const struct super_operations super_operations = {
	.drop_inode = drop_inode, .statistics = statistics, .unmount = unmount};

/* A number with k, m or g in either case (number_parse() knows one), or in percent of whole. */
static bool parse_amount(const char *at, uint64_t whole, uint64_t *value)
{
	static const char suffixes[] = "kmg";

	if (!number_parse(&at, value))
		return false;
	if (*at == '%' && *value <= 100) {
		*value = whole / 100 * *value;
		at++;
	}
	for (unsigned i = 0; i < 3; i++)
		if (*at == suffixes[i] && *value << (10 * i + 10) >> (10 * i + 10) == *value) {
			*value <<= 10 * i + 10;
			at++;
			break;
		}
	return !*at || *at == ',';
}

/* The option of "a=1,b=2" with that key ("a="), if it is there. Others don't matter here. */
static bool option(const char *options, const char *key, uint64_t whole, uint64_t *value)
{
	const size_t length = strlen(key);

	for (const char *at = options; at && *at;) {
		if (!strncmp(at, key, length))
			return parse_amount(at + length, whole, value);
		while (*at && *at++ != ',')
			;
	}
	return true;
}

int tmpfs_mount(struct super *super, const char *source, const char *options)
{
	struct tmpfs *fs = kmalloc(sizeof(*fs));
	struct page_stats memory;
	uint64_t size = 0, inode_count = INODES_MAX, mode = 01777;
	struct inode *root;

	(void)source;
	if (!fs)
		return -ENOMEM;
	page_stats_read(&memory);
	size = memory.total / 2 * PAGE_BYTES;
	if (!option(options, "size=", memory.total * PAGE_BYTES, &size) ||
	    !option(options, "nr_inodes=", 0, &inode_count)) {
		kfree(fs);
		return -EINVAL;
	}
	fs->pages_max = (size + PAGE_BYTES - 1) / PAGE_BYTES;
	fs->inodes_max = inode_count;
	super->operations = &super_operations;
	super->private = fs;
	super->pinned = true;
	root = tmpfs_create_inode(super, S_IFDIR | (uint32_t)mode, 0, 0);
	super->root = root ? dentry_create_root(super, root) : NULL;
	if (super->root)
		return 0;
	if (root)
		inode_put(root);
	kfree(fs);
	return -ENOMEM;
}

const struct inode_operations tmpfs_dir_operations = {
	.create = create,
	.make_dir = make_dir,
	.symlink = make_symlink,
	.link = make_link,
	.unlink = unlink_name,
	.remove_dir = remove_dir,
	.rename = rename_name,
	.temporary = make_temporary,
};
const struct file_operations tmpfs_dir_file_operations = {.read_dir = read_dir};

static const struct inode_operations file_inode_operations = {.truncate = truncate_file,
							      .reserve = reserve_page,
							      .allocate = allocate,
							      .find_data = find_data};
static const struct inode_operations link_operations = {.read_link = read_link};
static const struct file_operations file_file_operations = {.read = file_read_cached,
							    .write = write_file};

void tmpfs_register(void)
{
	static struct file_system tmpfs = {.name = "tmpfs", .mount = tmpfs_mount};
	static struct file_system ramfs = {.name = "ramfs", .mount = tmpfs_mount};

	file_system_register(&ramfs);
	file_system_register(&tmpfs);
}

int tmpfs_open_nameless(const char *label, unsigned flags, struct file **file)
{
	static struct super *super;
	struct inode *inode;
	int error = super ? 0 : super_create("tmpfs", "", "", false, &super);

	if (error)
		return error;
	inode = tmpfs_create_inode(super, S_IFREG | 0777, 0, 0);
	if (!inode)
		return -ENOMEM;
	inode->nlink = 0;
	struct dentry *dentry = dentry_create(super->root, label, strlen(label));

	if (!dentry) {
		inode_put(inode);
		return -ENOMEM;
	}
	dentry->inode = inode;
	error = file_open_unchecked(dentry, flags, file);
	dentry_put(dentry);
	return error;
}
