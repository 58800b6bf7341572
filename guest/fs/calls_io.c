/* SPDX-License-Identifier: MIT
 *
 * Reading, writing, seeking.
 */
#include "guest/fs/files.h"
#include "guest/fs/iobuf.h"
#include "guest/fs/user_path.h"
#include "guest/mm/slab.h"
#include "guest/mm/user.h"
#include "guest/proc/process.h"

/* Called by the dispatcher. */
int64_t sys_read(int fd, uint64_t to_gva, uint64_t bytes);
int64_t sys_write(int fd, uint64_t from_gva, uint64_t bytes);
int64_t sys_pread64(int fd, uint64_t to_gva, uint64_t bytes, int64_t at);
int64_t sys_pwrite64(int fd, uint64_t from_gva, uint64_t bytes, int64_t at);
int64_t sys_readv(int fd, uint64_t pieces_gva, uint64_t count);
int64_t sys_writev(int fd, uint64_t pieces_gva, uint64_t count);
int64_t sys_preadv(int fd, uint64_t pieces_gva, uint64_t count, int64_t at);
int64_t sys_pwritev(int fd, uint64_t pieces_gva, uint64_t count, int64_t at);
int64_t sys_lseek(int fd, int64_t offset, int whence);
int64_t sys_ioctl(int fd, uint32_t command, uint64_t argument);
int64_t sys_ftruncate(int fd, int64_t size);
int64_t sys_truncate(uint64_t path_gva, int64_t size);

#define IO_BYTES_MAX 0x7ffff000 /* more is cut, as by Linux */
#define PIECES_MAX 1024
#define PIECES_AT_HAND 8

enum seek_whence { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE };

/* The file, open for reading or for writing; NULL: -EBADF. */
static struct file *get_open(int fd, bool for_write)
{
	struct file *file = fd_get(fd);
	const unsigned wrong = for_write ? O_RDONLY : O_WRONLY;

	if (file && ((file->flags & O_ACCMODE) == wrong || (file->flags & O_PATH))) {
		file_put(file);
		return NULL;
	}
	return file;
}

static bool can_seek(const struct file *file)
{
	return file->path.dentry && file->operations &&
	       (file->operations->seek || (file->inode->mode & S_IFMT) == S_IFREG ||
		(file->inode->mode & S_IFMT) == S_IFBLK);
}

static int64_t transfer(struct file *file, struct iobuf *io, bool is_write, uint64_t *position)
{
	const struct file_operations *operations = file->operations;

	if (!is_write && (file->inode->mode & S_IFMT) == S_IFDIR)
		return -EISDIR;
	if (!operations || !(is_write ? operations->write : operations->read))
		return -EINVAL;
	if (io->left > IO_BYTES_MAX)
		io->left = IO_BYTES_MAX;
	return is_write ? operations->write(file, io, position)
			: operations->read(file, io, position);
}

/* At the file's own position, which is locked meanwhile. */
static int64_t do_io(int fd, struct iobuf *io, bool is_write)
{
	struct file *file = get_open(fd, is_write);
	int64_t done;

	if (!file)
		return -EBADF;
	if (file->path.dentry) {
		const bool locks = can_seek(file);

		if (locks)
			mutex_lock(&file->position_lock);
		done = transfer(file, io, is_write, &file->position);
		if (locks)
			mutex_unlock(&file->position_lock);
	} else {
		done = transfer(file, io, is_write, NULL);
	}
	file_put(file);
	return done;
}

static int64_t do_io_at(int fd, struct iobuf *io, bool is_write, int64_t at)
{
	struct file *file = get_open(fd, is_write);
	uint64_t position = (uint64_t)at;
	int64_t done;

	if (!file)
		return -EBADF;
	done = at < 0		? -EINVAL
	       : can_seek(file) ? transfer(file, io, is_write, &position)
				: -ESPIPE;
	file_put(file);
	return done;
}

int64_t sys_read(int fd, uint64_t to_gva, uint64_t bytes)
{
	struct iobuf io;

	iobuf_init_user(&io, to_gva, bytes);
	return do_io(fd, &io, false);
}

int64_t sys_write(int fd, uint64_t from_gva, uint64_t bytes)
{
	struct iobuf io;

	iobuf_init_user(&io, from_gva, bytes);
	return do_io(fd, &io, true);
}

int64_t sys_pread64(int fd, uint64_t to_gva, uint64_t bytes, int64_t at)
{
	struct iobuf io;

	iobuf_init_user(&io, to_gva, bytes);
	return do_io_at(fd, &io, false, at);
}

int64_t sys_pwrite64(int fd, uint64_t from_gva, uint64_t bytes, int64_t at)
{
	struct iobuf io;

	iobuf_init_user(&io, from_gva, bytes);
	return do_io_at(fd, &io, true, at);
}

int iobuf_read_pieces(struct iobuf *io, uint64_t pieces_gva, uint64_t count,
		      struct io_piece *at_hand, unsigned at_hand_count, struct io_piece **made)
{
	struct io_piece *pieces = at_hand;
	uint64_t total = 0;
	int error;

	*made = NULL;
	if (count > PIECES_MAX)
		return -EINVAL;
	if (count > at_hand_count)
		pieces = *made = kmalloc(count * sizeof(*pieces));
	if (!pieces)
		return -ENOMEM;
	error = user_read(pieces, pieces_gva, count * sizeof(*pieces));
	for (uint64_t i = 0; i < count && !error; i++) {
		if (pieces[i].bytes > INT64_MAX)
			error = -EINVAL;
		else if (pieces[i].bytes > IO_BYTES_MAX - total)
			pieces[i].bytes = IO_BYTES_MAX - total;
		total += pieces[i].bytes;
	}
	if (error)
		kfree(*made);
	else
		iobuf_init_pieces(io, pieces, (unsigned)count);
	return error;
}

static int64_t do_vector(int fd, uint64_t pieces_gva, uint64_t count, bool is_write, bool has_at,
			 int64_t at)
{
	struct io_piece at_hand[PIECES_AT_HAND], *made;
	struct iobuf io;
	int64_t done = iobuf_read_pieces(&io, pieces_gva, count, at_hand, PIECES_AT_HAND, &made);

	if (done)
		return done;
	done = has_at ? do_io_at(fd, &io, is_write, at) : do_io(fd, &io, is_write);
	kfree(made);
	return done;
}

int64_t sys_readv(int fd, uint64_t pieces_gva, uint64_t count)
{
	return do_vector(fd, pieces_gva, count, false, false, 0);
}

int64_t sys_writev(int fd, uint64_t pieces_gva, uint64_t count)
{
	return do_vector(fd, pieces_gva, count, true, false, 0);
}

int64_t sys_preadv(int fd, uint64_t pieces_gva, uint64_t count, int64_t at)
{
	return do_vector(fd, pieces_gva, count, false, true, at);
}

int64_t sys_pwritev(int fd, uint64_t pieces_gva, uint64_t count, int64_t at)
{
	return do_vector(fd, pieces_gva, count, true, true, at);
}

/* SEEK_DATA and SEEK_HOLE; at the end of a file is a hole. */
static int64_t seek_data(struct inode *inode, int64_t offset, bool hole)
{
	const int64_t size = (int64_t)inode->size;
	uint64_t found = (uint64_t)(hole ? size : offset);

	if (offset < 0 || offset >= size)
		return -ENXIO;
	if (inode->operations->find_data)
		found = inode->operations->find_data(inode, (uint64_t)offset, hole);
	if (found >= (uint64_t)size)
		return hole ? size : -ENXIO;
	return (int64_t)found;
}

static int64_t seek_to(const struct file *file, int64_t offset, int whence)
{
	const int64_t bases[] = {0, (int64_t)file->position, (int64_t)file->inode->size};
	int64_t position;

	if (whence == SEEK_DATA || whence == SEEK_HOLE)
		return seek_data(file->inode, offset, whence == SEEK_HOLE);
	if (whence < SEEK_SET || whence > SEEK_END ||
	    __builtin_add_overflow(bases[whence], offset, &position) || position < 0)
		return -EINVAL;
	return position;
}

static int64_t seek(struct file *file, int64_t offset, int whence)
{
	const bool is_dir = (file->inode->mode & S_IFMT) == S_IFDIR;
	int64_t position;

	if (file->flags & O_PATH)
		return -EBADF;
	if (file->operations && file->operations->seek)
		return file->operations->seek(file, offset, whence);
	if (!can_seek(file) && !is_dir)
		return -ESPIPE;
	position = seek_to(file, offset, whence);
	if (position >= 0)
		file->position = (uint64_t)position;
	return position;
}

int64_t sys_lseek(int fd, int64_t offset, int whence)
{
	struct file *file = fd_get(fd);
	int64_t result;

	if (!file)
		return -EBADF;
	mutex_lock(&file->position_lock);
	result = seek(file, offset, whence);
	mutex_unlock(&file->position_lock);
	file_put(file);
	return result;
}

#define FIONCLEX 0x5450
#define FIOCLEX 0x5451
#define FIONBIO 0x5421

static int64_t set_nonblocking(struct file *file, uint64_t argument)
{
	int32_t on;
	int error = user_read(&on, argument, sizeof(on));

	if (!error && on)
		file->flags |= O_NONBLOCK;
	else if (!error)
		file->flags &= ~(uint32_t)O_NONBLOCK;
	return error;
}

int64_t sys_ioctl(int fd, uint32_t command, uint64_t argument)
{
	struct file *file = fd_get(fd);
	int64_t result = -ENOTTY;

	if (!file)
		return -EBADF;
	if (file->flags & O_PATH)
		result = -EBADF;
	else if (command == FIOCLEX || command == FIONCLEX)
		result = fd_set_close_on_exec(fd, command == FIOCLEX);
	else if (command == FIONBIO)
		result = set_nonblocking(file, argument);
	else if (file->operations && file->operations->ioctl)
		result = file->operations->ioctl(file, command, argument);
	file_put(file);
	return result;
}

static int64_t truncate_to(struct inode *inode, int64_t size)
{
	if (size < 0)
		return -EINVAL;
	if ((uint64_t)size > process_this()->limits[RLIMIT_FSIZE].soft) {
		signal_send_number(process_this(), SIGXFSZ);
		return -EFBIG;
	}
	return inode_truncate(inode, (uint64_t)size);
}

int64_t sys_ftruncate(int fd, int64_t size)
{
	struct file *file = get_open(fd, true);
	int64_t result;

	if (!file) {
		file = fd_get(fd);
		if (!file)
			return -EBADF;
		file_put(file);
		return -EINVAL;
	}
	result = (file->inode->mode & S_IFMT) == S_IFREG ? truncate_to(file->inode, size) : -EINVAL;
	file_put(file);
	return result;
}

static int64_t truncate_path(const struct path *path, int64_t size)
{
	struct inode *inode = path->dentry->inode;
	int error = mount_check_writable(path->mount);

	if ((inode->mode & S_IFMT) != S_IFREG)
		return (inode->mode & S_IFMT) == S_IFDIR ? -EISDIR : -EINVAL;
	if (!error)
		error = inode_permission(inode, PERMIT_WRITE);
	if (!error && inode->deny_write)
		error = -ETXTBSY;
	return error ? error : truncate_to(inode, size);
}

int64_t sys_truncate(uint64_t path_gva, int64_t size)
{
	struct path path;
	int64_t result = user_path_find(AT_FDCWD, path_gva, PATH_FOLLOW, &path);

	if (result)
		return result;
	result = truncate_path(&path, size);
	path_put(&path);
	return result;
}
