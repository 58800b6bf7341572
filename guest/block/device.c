/* SPDX-License-Identifier: MIT
 *
 * Nodes, their page cache, and their file operations. A cached page is read and written as a whole; the
 * last one may go beyond the disk's end, and what is there is zero.
 */
#include "guest/block/device.h"

#include "guest/block/io.h"
#include "guest/drivers/attach.h"
#include "guest/fs/iobuf.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/mm/paging.h"
#include "guest/mm/slab.h"
#include "guest/mm/space.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

#define MAJOR_IDE0 3
#define MAJOR_IDE1 22
#define MAJOR_VIRTIO 254
#define MINORS_IDE 64 /* of each drive */
#define MINORS_VIRTIO 16
#define PAGE_SECTORS (PAGE_BYTES / SECTOR_BYTES)
#define DIRECT_ORDER 4 /* pieces of O_DIRECT: 64 KiB */

enum block_ioctl {
	BLKROGET = 0x125e,
	BLKRRPART = 0x125f,
	BLKGETSIZE = 0x1260,
	BLKFLSBUF = 0x1261,
	BLKRAGET = 0x1263,
	BLKSSZGET = 0x1268,
	BLKBSZGET = 0x80081270,
	BLKGETSIZE64 = 0x80081272,
	BLKIOMIN = 0x1278,
	BLKIOOPT = 0x1279,
	BLKPBSZGET = 0x127b
};

/* --- the page cache */
/* The sectors of a page; fewer at the disk's end. */
static uint64_t sectors_of(const struct block_node *node, const struct page *page)
{
	const uint64_t sector = page->index * PAGE_SECTORS, end = node->queue->disk->sector_count;

	if (sector >= end)
		return 0;
	return end - sector < PAGE_SECTORS ? end - sector : PAGE_SECTORS;
}

static int pages_io(struct page_cache *cache, struct page **pages, unsigned count,
		    enum block_operation operation)
{
	struct block_node *node = container_of(cache, struct block_node, inode.cache);
	struct block_io io;

	block_io_start(&io, node->queue);
	for (unsigned i = 0; i < count; i++) {
		const uint64_t sectors = sectors_of(node, pages[i]);
		char *data = page_data(pages[i]);

		if (operation == BLOCK_READ)
			memset(data + sectors * SECTOR_BYTES, 0,
			       PAGE_BYTES - sectors * SECTOR_BYTES);
		if (sectors)
			block_io_add(&io, operation, pages[i]->index * PAGE_SECTORS, data,
				     sectors * SECTOR_BYTES);
	}
	return block_io_wait(&io);
}

static int read_page(struct page_cache *cache, struct page *page)
{
	return pages_io(cache, &page, 1, BLOCK_READ);
}

static int read_pages(struct page_cache *cache, struct page **pages, unsigned count)
{
	return pages_io(cache, pages, count, BLOCK_READ);
}

static int write_page(struct page_cache *cache, struct page *page)
{
	return pages_io(cache, &page, 1, BLOCK_WRITE);
}

static int write_pages(struct page_cache *cache, struct page **pages, unsigned count)
{
	return pages_io(cache, pages, count, BLOCK_WRITE);
}

static const struct cache_operations cache_operations = {
	.read_page = read_page,
	.read_pages = read_pages,
	.write_page = write_page,
	.write_pages = write_pages,
};

/* --- reads and writes */
static struct block_node *node_of(const struct file *file)
{
	return file->private;
}

static uint64_t bytes_of(const struct block_node *node)
{
	return node->queue->disk->sector_count * SECTOR_BYTES;
}

/* What of io lies on the disk from position on. */
static size_t clip(const struct block_node *node, const struct iobuf *io, uint64_t position)
{
	const uint64_t size = bytes_of(node);

	if (position >= size)
		return 0;
	return io->left < size - position ? io->left : size - position;
}

static int64_t copy_cached(struct block_node *node, struct iobuf *io, uint64_t position,
			   size_t bytes, bool write)
{
	const uint64_t offset = position % PAGE_BYTES, index = position / PAGE_BYTES;
	int error = 0;
	struct page *page = write ? cache_for_write(&node->inode.cache, index, bytes == PAGE_BYTES,
						    &error)
				  : cache_read(&node->inode.cache, index, &error);
	int64_t done;

	if (!page)
		return error;
	if (write) {
		done = iobuf_take(io, (char *)page_data(page) + offset, bytes);
		cache_dirty(&node->inode.cache, page);
	} else {
		done = iobuf_put(io, (char *)page_data(page) + offset, bytes);
	}
	page_put(page);
	return done;
}

/* Through a buffer, because the program's pages may lie anywhere. */
static int64_t copy_direct(struct block_node *node, struct iobuf *io, uint64_t position,
			   size_t bytes, void *buffer, bool write)
{
	const uint64_t sector = position / SECTOR_BYTES;
	int64_t done;
	int error;

	if (write) {
		done = iobuf_take(io, buffer, bytes);
		if (done < (int64_t)bytes)
			return done < 0 ? done : -EFAULT;
	}
	error = block_io(node->queue, write ? BLOCK_WRITE : BLOCK_READ, sector, buffer, bytes);
	if (error)
		return error;
	return write ? (int64_t)bytes : iobuf_put(io, buffer, bytes);
}

/* The memory itself, if it is the kernel's own and in one piece: swap, which must not ask for more. */
static void *own_memory(const struct iobuf *io, size_t bytes)
{
	const uint64_t at = io->in_kernel && io->piece_count ? io->pieces->at + io->done_in_piece
							     : 0;

	return at >= DIRECT_BASE && at - DIRECT_BASE < DIRECT_BYTES &&
			       io->pieces->bytes - io->done_in_piece >= bytes
		       ? (void *)at
		       : NULL;
}

static int64_t transfer_own(struct block_node *node, struct iobuf *io, uint64_t *position,
			    size_t bytes, bool write)
{
	const int error = block_io(node->queue, write ? BLOCK_WRITE : BLOCK_READ,
				   *position / SECTOR_BYTES, own_memory(io, bytes), bytes);

	if (error)
		return error;
	io->done_in_piece += bytes;
	io->left -= bytes;
	*position += bytes;
	return (int64_t)bytes;
}

static int64_t transfer_direct(struct block_node *node, struct iobuf *io, uint64_t *position,
			       size_t bytes, bool write)
{
	const uint64_t first = *position / PAGE_BYTES, last = (*position + bytes) / PAGE_BYTES;
	struct page *buffer;
	int64_t total = 0, done = 0;
	int error;

	if ((*position | bytes) % SECTOR_BYTES)
		return -EINVAL;
	error = cache_write_back(&node->inode.cache, first, last);
	if (error)
		return error;
	if (bytes <= PAGE_BYTES && own_memory(io, bytes))
		return transfer_own(node, io, position, bytes, write);
	buffer = page_alloc(DIRECT_ORDER, 0);
	if (!buffer)
		return -ENOMEM;
	while (bytes) {
		const size_t room = PAGE_BYTES << DIRECT_ORDER, now = bytes < room ? bytes : room;

		done = copy_direct(node, io, *position, now, page_data(buffer), write);
		if (done <= 0)
			break;
		*position += done;
		total += done;
		bytes -= done;
	}
	page_put(buffer);
	if (write)
		cache_drop(&node->inode.cache, first, last); /* what was read before is old */
	return total ? total : done;
}

static int64_t transfer(struct file *file, struct iobuf *io, uint64_t *position, bool write)
{
	struct block_node *node = node_of(file);
	size_t bytes = clip(node, io, *position);
	int64_t total = 0, done = 0;

	if (write && node->queue->disk->read_only)
		return -EROFS;
	if (!bytes)
		return write && io->left ? -ENOSPC : 0;
	if (file->flags & O_DIRECT)
		return transfer_direct(node, io, position, bytes, write);
	while (bytes) {
		const size_t rest = PAGE_BYTES - *position % PAGE_BYTES;

		done = copy_cached(node, io, *position, bytes < rest ? bytes : rest, write);
		if (done <= 0)
			break;
		*position += done;
		total += done;
		bytes -= done;
	}
	return total ? total : done;
}

static int64_t node_read(struct file *file, struct iobuf *to, uint64_t *position)
{
	return transfer(file, to, position, false);
}

static int64_t node_write(struct file *file, struct iobuf *from, uint64_t *position)
{
	return transfer(file, from, position, true);
}

static int node_sync(struct block_node *node)
{
	const int error = cache_write_back(&node->inode.cache, 0, UINT64_MAX);

	return error ? error : block_io_flush(node->queue);
}

static int node_fsync(struct file *file)
{
	return node_sync(node_of(file));
}

static void node_release(struct file *file)
{
	node_sync(node_of(file)); /* so that what reads the disk past the cache sees it */
}

static int64_t node_ioctl(struct file *file, unsigned command, uint64_t argument)
{
	struct block_node *node = node_of(file);
	const uint64_t size = bytes_of(node), sectors = node->queue->disk->sector_count;
	const uint32_t block = PAGE_BYTES, sector = SECTOR_BYTES, zero = 0;
	const uint32_t read_only = node->queue->disk->read_only;

	switch (command) {
	case BLKGETSIZE64: return user_write(argument, &size, sizeof(size));
	case BLKGETSIZE: return user_write(argument, &sectors, sizeof(sectors));
	case BLKSSZGET:
	case BLKPBSZGET:
	case BLKIOMIN: return user_write(argument, &sector, sizeof(sector));
	case BLKIOOPT: return user_write(argument, &zero, sizeof(zero));
	case BLKBSZGET: return user_write(argument, &block, sizeof(block));
	case BLKROGET: return user_write(argument, &read_only, sizeof(read_only));
	case BLKRAGET: return user_write(argument, &(uint64_t){0}, sizeof(uint64_t));
	case BLKFLSBUF:
		if (!process_is_root())
			return -EACCES;
		return node_sync(node);
	case BLKRRPART: return -EINVAL; /* no partitions */
	default: return -ENOTTY;
	}
}

static int64_t node_seek(struct file *file, int64_t offset, int whence)
{
	const int64_t from = whence == 1   ? (int64_t)file->position
			     : whence == 2 ? (int64_t)bytes_of(node_of(file))
					   : 0;

	if (whence < 0 || whence > 2 || from + offset < 0)
		return -EINVAL;
	return file->position = from + offset;
}

static int node_map(struct file *file, struct vm_area *area)
{
	area->cache = &node_of(file)->inode.cache;
	return 0;
}

static const struct file_operations node_operations = {
	.read = node_read,
	.write = node_write,
	.ioctl = node_ioctl,
	.seek = node_seek,
	.map = node_map,
	.sync = node_fsync,
	.release = node_release,
};

/* --- finding and naming them */
int block_claim(const char *name, struct block_node **claimed)
{
	const struct file_operations *operations = NULL;
	struct block_node *node = NULL;
	void *private = NULL;
	struct path path;
	int error = path_find(AT_FDCWD, name, PATH_FOLLOW, &path);

	if (error)
		return error;
	if ((path.dentry->inode->mode & S_IFMT) != S_IFBLK)
		error = -ENOTBLK;
	else
		error = device_find(S_IFBLK, path.dentry->inode->rdev, &operations, &private);
	path_put(&path);
	if (!error && operations != &node_operations)
		error = -ENXIO;
	if (error)
		return error;
	node = private;
	if (__atomic_exchange_n(&node->claimed, 1, __ATOMIC_ACQUIRE))
		return -EBUSY;
	*claimed = node;
	error = node_sync(node);
	cache_truncate(&node->inode.cache, 0);
	if (error)
		block_release(node);
	return error;
}

void block_release(struct block_node *node)
{
	cache_truncate(&node->inode.cache, 0);
	__atomic_store_n(&node->claimed, 0, __ATOMIC_RELEASE);
}

static void number_disk(const struct block_device *disk, unsigned *major, unsigned *minor)
{
	const unsigned letter = disk->name[2] - 'a';

	if (disk->name[0] == 'h') {
		*major = letter < 2 ? MAJOR_IDE0 : MAJOR_IDE1;
		*minor = letter % 2 * MINORS_IDE;
	} else {
		*major = MAJOR_VIRTIO;
		*minor = letter * MINORS_VIRTIO;
	}
}

static void link_by_id(const struct block_device *disk)
{
	char name[96], target[24];

	if (!disk->serial[0])
		return;
	print_to(name, sizeof(name), "disk/by-id/%s-%s", disk->name[0] == 'h' ? "ata" : "virtio",
		 disk->serial);
	print_to(target, sizeof(target), "../../%s", disk->name);
	device_symlink(name, target);
}

static void add_disk(struct block_device *disk)
{
	struct block_node *node = kmalloc(sizeof(*node));
	unsigned major, minor;

	number_disk(disk, &major, &minor);
	if (node)
		node->queue = block_queue_create(disk, major, minor);
	if (!node || !node->queue) {
		print("%s: no memory for its queue\n", disk->name);
		kfree(node);
		return;
	}
	node->inode.mode = S_IFBLK | 0660;
	node->inode.rdev = device_number(major, minor);
	node->inode.size = bytes_of(node);
	node->inode.refs = node->inode.nlink = 1;
	mutex_init(&node->inode.lock);
	cache_init(&node->inode.cache, &cache_operations, &node->inode);
	device_register(S_IFBLK, major, minor, disk->name, 0660, &node_operations, node);
	link_by_id(disk);
	print_level(LOG_INFO, "%s: %s, %lu sectors (%lu MiB)%s\n", disk->name, disk->driver,
		    disk->sector_count, disk->sector_count * SECTOR_BYTES >> 20,
		    disk->read_only ? ", read-only" : "");
}

void block_init(void)
{
	drivers_attach();
	for (struct block_device *disk = block_first(); disk; disk = disk->next)
		add_disk(disk);
}
