/* SPDX-License-Identifier: MIT
 *
 * Pipes and FIFOs.
 */
#ifndef GUEST_FS_PIPE_H
#define GUEST_FS_PIPE_H

#include "guest/fs/vfs.h"

#define PIPE_BYTES 65536
#define PIPE_ATOMIC_BYTES 4096 /* PIPE_BUF: such a write is never mixed with another */

/* Both ends of a new pipe; flags O_NONBLOCK. 0 or -errno. */
int pipe_create(unsigned flags, struct file **reader, struct file **writer);

bool pipe_is(const struct file *file);

/* What open() of a FIFO gets. */
extern const struct file_operations fifo_operations;

#endif
