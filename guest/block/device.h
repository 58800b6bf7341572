/* SPDX-License-Identifier: MIT
 *
 * Disks as files: /dev/vda and so on, through a page cache or (O_DIRECT) past it.
 */
#ifndef GUEST_BLOCK_DEVICE_H
#define GUEST_BLOCK_DEVICE_H

#include "guest/block/queue.h"
#include "guest/fs/vfs.h"

struct block_node {
	struct block_queue *queue;
	struct inode inode; /* for its page cache, of the whole disk; in no file system */
	uint32_t claimed;   /* atomic: a file system or swap has it */
};

/* Finds the disks, makes their queues, nodes in /dev and links in /dev/disk/by-id. Once, at boot. */
void block_init(void);

/* The disk of a block device file, to use it alone (mount, swap): 0, -ENOTBLK, -ENXIO, -EBUSY or what
 * the path says. Its cache is written back and empty then. */
int block_claim(const char *path, struct block_node **node);
void block_release(struct block_node *node);

#endif
