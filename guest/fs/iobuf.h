/* SPDX-License-Identifier: MIT
 *
 * Where a read puts, or a write takes, its bytes: one or more pieces of user or kernel memory, used up
 * from the front.
 */
#ifndef GUEST_FS_IOBUF_H
#define GUEST_FS_IOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct io_piece { /* struct iovec */
	uint64_t at;
	uint64_t bytes;
};

struct iobuf {
	const struct io_piece *pieces; /* those that are left, the first one being current */
	unsigned piece_count;
	size_t done_in_piece;
	size_t left;	     /* bytes in all */
	bool in_kernel;	     /* at are kernel addresses */
	struct io_piece one; /* room for a single piece */
};

void iobuf_init_user(struct iobuf *io, uint64_t gva, size_t bytes);
void iobuf_init_kernel(struct iobuf *io, void *at, size_t bytes);
void iobuf_init_pieces(struct iobuf *io, const struct io_piece *pieces, unsigned count);

/* Reads count struct iovec of the running program, into at_hand, or into *made, for kfree(), if there are
 * more. 0, -EINVAL, -EFAULT, -ENOMEM. */
int iobuf_read_pieces(struct iobuf *io, uint64_t pieces_gva, uint64_t count,
		      struct io_piece *at_hand, unsigned at_hand_count, struct io_piece **made);

/* Copies up to bytes into (reads) or out of (writes) it and moves on: how many, or -EFAULT if none. */
int64_t iobuf_put(struct iobuf *io, const void *from, size_t bytes);
int64_t iobuf_take(struct iobuf *io, void *to, size_t bytes);
int64_t iobuf_put_zeroes(struct iobuf *io, size_t bytes);

/* Moves on: the caller has copied them himself. */
void iobuf_skip(struct iobuf *io, size_t bytes);

#endif
