/* SPDX-License-Identifier: MIT
 *
 * See iobuf.h.
 */
#include "guest/fs/iobuf.h"

#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/user.h"

static void init(struct iobuf *io, uint64_t at, size_t bytes, bool in_kernel)
{
	io->one = (struct io_piece){at, bytes};
	io->pieces = &io->one;
	io->piece_count = 1;
	io->done_in_piece = 0;
	io->left = bytes;
	io->in_kernel = in_kernel;
}

void iobuf_init_user(struct iobuf *io, uint64_t gva, size_t bytes)
{
	init(io, gva, bytes, false);
}

void iobuf_init_kernel(struct iobuf *io, void *at, size_t bytes)
{
	init(io, (uint64_t)at, bytes, true);
}

void iobuf_init_pieces(struct iobuf *io, const struct io_piece *pieces, unsigned count)
{
	io->pieces = pieces;
	io->piece_count = count;
	io->done_in_piece = 0;
	io->in_kernel = false;
	io->left = 0;
	for (unsigned i = 0; i < count; i++)
		io->left += pieces[i].bytes;
}

enum copy { COPY_IN, COPY_OUT, COPY_ZEROES, COPY_NOTHING };

/* kernel is not written to if what says COPY_IN. */
static int copy_piece(const struct iobuf *io, enum copy what, uint64_t at, void *kernel,
		      size_t bytes)
{
	if (what == COPY_NOTHING)
		return 0;
	if (io->in_kernel) {
		if (what == COPY_OUT)
			memcpy(kernel, (const void *)at, bytes);
		else if (what == COPY_IN)
			memcpy((void *)at, kernel, bytes);
		else
			memset((void *)at, 0, bytes);
		return 0;
	}
	return what == COPY_OUT	 ? user_read(kernel, at, bytes)
	       : what == COPY_IN ? user_write(at, kernel, bytes)
				 : user_zero(at, bytes);
}

static int64_t copy(struct iobuf *io, enum copy what, char *kernel, size_t bytes)
{
	size_t done = 0;

	while (done < bytes && io->left) {
		const size_t room = io->pieces->bytes - io->done_in_piece;
		const size_t now = room < bytes - done ? room : bytes - done;

		if (now && copy_piece(io, what, io->pieces->at + io->done_in_piece,
				      kernel ? kernel + done : NULL, now))
			return done ? (int64_t)done : -EFAULT;
		done += now;
		io->left -= now;
		io->done_in_piece += now;
		if (io->done_in_piece == io->pieces->bytes && io->left) {
			io->pieces++;
			io->piece_count--;
			io->done_in_piece = 0;
		}
	}
	return (int64_t)done;
}

int64_t iobuf_put(struct iobuf *io, const void *from, size_t bytes)
{
	return copy(io, COPY_IN, (char *)(uintptr_t)from, bytes);
}

int64_t iobuf_take(struct iobuf *io, void *to, size_t bytes)
{
	return copy(io, COPY_OUT, to, bytes);
}

int64_t iobuf_put_zeroes(struct iobuf *io, size_t bytes)
{
	return copy(io, COPY_ZEROES, NULL, bytes);
}

void iobuf_skip(struct iobuf *io, size_t bytes)
{
	copy(io, COPY_NOTHING, NULL, bytes);
}
