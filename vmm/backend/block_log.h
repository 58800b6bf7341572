/* SPDX-License-Identifier: MIT
 *
 * record=FILE: what a guest did to a disk, in order, for tests/guest/replay-disk. All numbers are little-endian.
 *
 * The file begins with struct block_log_header. Then records follow: struct block_log_record, behind
 * that of a write its len_bytes of data. A request's record stands in front of everything the image sees of it; the record that it is done
 * stands in front of everything the guest sees of that. So a write is durable once a flush is done whose record comes after "write done".
 */
#ifndef VITRINE_BACKEND_BLOCK_LOG_H
#define VITRINE_BACKEND_BLOCK_LOG_H

#include <stdint.h>

#define BLOCK_LOG_MAGIC "VITRDLOG"
#define BLOCK_LOG_VERSION 1

enum block_log_flags {
	BLOCK_LOG_FLUSH_WORKS = 1 << 0, /* cache=writeback, none */
	BLOCK_LOG_WRITETHROUGH = 1 << 1 /* a write is durable when it is done */
};

struct block_log_header {
	char magic[8]; /* BLOCK_LOG_MAGIC */
	uint32_t version;
	uint32_t flags;	     /* enum block_log_flags */
	uint64_t size_bytes; /* of the image */
	uint64_t reserved;
};

enum block_log_kind {
	BLOCK_LOG_WRITE = 1,
	BLOCK_LOG_DISCARD = 2,
	BLOCK_LOG_ZEROES = 3,
	BLOCK_LOG_FLUSH = 4,
	BLOCK_LOG_DONE = 5
};

struct block_log_record {
	uint32_t kind;
	uint32_t error;	   /* done: 0 or an errno */
	uint64_t sequence; /* of the request: 1, 2, …; done: which one */
	uint64_t offset_bytes;
	uint64_t len_bytes; /* done: 0 */
};

_Static_assert(sizeof(struct block_log_header) == 32, "part of the format");
_Static_assert(sizeof(struct block_log_record) == 32, "part of the format");

#endif
