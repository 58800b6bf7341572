/* SPDX-License-Identifier: MIT
 *
 * Reading and writing files whose data is in the page cache.
 */
#include "guest/fs/iobuf.h"
#include "guest/fs/mounts.h"
#include "guest/fs/vfs.h"
#include "guest/proc/process.h"

/* As Linux's "relatime": only when it tells something new, or is a day old. */
static void touch_atime(struct file *file)
{
	struct inode *inode = file->inode;
	const bool stale = inode->atime.seconds <= inode->mtime.seconds;

	if ((file->flags & O_NOATIME) || !stale || !file->path.mount ||
	    (file->path.mount->flags & MS_NOATIME) || mount_check_writable(file->path.mount))
		return;
	inode->atime = time_now();
	if (inode->operations->changed)
		inode->operations->changed(inode);
}

/* Memory is where the file belongs, and there is no page: it reads as zeroes, and stays a hole. */
static bool is_hole(struct page_cache *cache, uint64_t index)
{
	uint64_t flags;
	bool found;

	if (cache->operations->read_page)
		return false;
	flags = spin_lock(&cache->lock);
	found = radix_find(&cache->pages, index);
	spin_unlock(&cache->lock, flags);
	return !found;
}

/* One page's part: bytes done, 0 at the end of the file, or -errno. */
static int64_t read_page(struct inode *inode, struct iobuf *to, uint64_t at)
{
	const size_t offset = at % PAGE_BYTES;
	size_t bytes = PAGE_BYTES - offset;
	struct page *page;
	int64_t done;
	int error = 0;

	if (at >= inode->size)
		return 0;
	if (bytes > inode->size - at)
		bytes = inode->size - at;
	if (is_hole(&inode->cache, at / PAGE_BYTES))
		return iobuf_put_zeroes(to, bytes);
	page = cache_read(&inode->cache, at / PAGE_BYTES, &error);
	if (!page)
		return error;
	done = iobuf_put(to, (char *)page_data(page) + offset, bytes);
	page_put(page);
	return done;
}

int64_t file_read_cached(struct file *file, struct iobuf *to, uint64_t *position)
{
	const uint64_t start = *position;
	int64_t done = 0;

	while (to->left) {
		done = read_page(file->inode, to, *position);
		if (done <= 0)
			break;
		*position += (uint64_t)done;
	}
	if (*position == start)
		return done;
	touch_atime(file);
	return (int64_t)(*position - start);
}

static int64_t write_page(struct inode *inode, struct iobuf *from, uint64_t at)
{
	const size_t offset = at % PAGE_BYTES;
	const size_t room = PAGE_BYTES - offset;
	const size_t bytes = from->left < room ? from->left : room;
	struct page *page = cache_find(&inode->cache, at / PAGE_BYTES);
	int64_t done;
	int error = 0;

	if (page)
		page_put(page);
	else if (inode->operations->reserve)
		error = inode->operations->reserve(inode, at / PAGE_BYTES);
	if (error)
		return error;
	page = cache_for_write(&inode->cache, at / PAGE_BYTES, bytes == PAGE_BYTES, &error);
	if (!page)
		return error;
	done = iobuf_take(from, (char *)page_data(page) + offset, bytes);
	if (done > 0) {
		cache_dirty(&inode->cache, page);
		if (at + (uint64_t)done > inode->size)
			inode->size = at + (uint64_t)done;
	}
	page_put(page);
	return done;
}

/* How much may be written at position: 0 and a signal beyond RLIMIT_FSIZE. */
static uint64_t room_at(uint64_t position)
{
	const uint64_t soft = process_this()->limits[RLIMIT_FSIZE].soft;
	const uint64_t limit = soft < INT64_MAX ? soft : INT64_MAX;

	if (position < limit)
		return limit - position;
	if (position >= soft)
		signal_send_number(process_this(), SIGXFSZ);
	return 0;
}

static int64_t write_locked(struct file *file, struct iobuf *from, uint64_t *position)
{
	struct inode *inode = file->inode;
	const uint64_t start = *position = file->flags & O_APPEND ? inode->size : *position;
	const uint64_t room = room_at(start);
	int64_t done = 0;

	if (!room)
		return -EFBIG;
	if (from->left > room)
		from->left = room;
	while (from->left) {
		done = write_page(inode, from, *position);
		if (done <= 0)
			break;
		*position += (uint64_t)done;
	}
	if (*position == start)
		return done;
	inode_drop_set_id(inode);
	inode_touch(inode, true);
	return (int64_t)(*position - start);
}

static int write_through(struct inode *inode, uint64_t start, uint64_t end)
{
	int error = inode->cache.operations->write_page
			    ? cache_write_back(&inode->cache, start / PAGE_BYTES,
					       (end - 1) / PAGE_BYTES)
			    : 0;

	if (!error && inode->operations->sync)
		error = inode->operations->sync(inode);
	return error;
}

int64_t file_write_cached(struct file *file, struct iobuf *from, uint64_t *position)
{
	int64_t done;
	int error = 0;

	if (!from->left)
		return 0;
	mutex_lock(&file->inode->lock);
	done = write_locked(file, from, position);
	mutex_unlock(&file->inode->lock);
	if (done > 0 && (file->flags & O_DSYNC))
		error = write_through(file->inode, *position - (uint64_t)done, *position);
	return error ? error : done;
}
