/* SPDX-License-Identifier: MIT
 *
 * virtio-blk as it lies in memory (virtio 1.2 §5.2).
 */
#ifndef VITRINE_ABI_VIRTIO_BLK_H
#define VITRINE_ABI_VIRTIO_BLK_H

#include <stddef.h>
#include <stdint.h>

#define VIRTIO_ID_BLOCK 2

/* §5.2.3 */
#define VIRTIO_BLK_F_SEG_MAX 2
#define VIRTIO_BLK_F_RO 5
#define VIRTIO_BLK_F_BLK_SIZE 6
#define VIRTIO_BLK_F_FLUSH 9
#define VIRTIO_BLK_F_TOPOLOGY 10
#define VIRTIO_BLK_F_MQ 12
#define VIRTIO_BLK_F_DISCARD 13
#define VIRTIO_BLK_F_WRITE_ZEROES 14

/* §5.2.4 */
struct virtio_blk_config {
	uint64_t capacity; /* sectors of 512 bytes */
	uint32_t size_max;
	uint32_t seg_max;
	uint16_t cylinders;
	uint8_t heads;
	uint8_t sectors;
	uint32_t blk_size;
	uint8_t physical_block_exp; /* physical block: 1 << this logical ones */
	uint8_t alignment_offset;
	uint16_t min_io_size; /* in logical blocks */
	uint32_t opt_io_size;
	uint8_t writeback;
	uint8_t unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors;
	uint32_t max_discard_seg;
	uint32_t discard_sector_alignment;
	uint32_t max_write_zeroes_sectors;
	uint32_t max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap;
	uint8_t unused1[3];
};

#define VIRTIO_BLK_CONFIG_BYTES 60 /* without the tail that secure erase would need */

/* §5.2.6 */
enum virtio_blk_type {
	VIRTIO_BLK_T_IN = 0,
	VIRTIO_BLK_T_OUT = 1,
	VIRTIO_BLK_T_FLUSH = 4,
	VIRTIO_BLK_T_GET_ID = 8,
	VIRTIO_BLK_T_DISCARD = 11,
	VIRTIO_BLK_T_WRITE_ZEROES = 13
};

struct virtio_blk_header {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};

struct virtio_blk_segment { /* of discard and write-zeroes */
	uint64_t sector;
	uint32_t sector_count;
	uint32_t flags; /* VIRTIO_BLK_UNMAP */
};

#define VIRTIO_BLK_UNMAP 1u
#define VIRTIO_BLK_ID_BYTES 20

enum virtio_blk_status { VIRTIO_BLK_S_OK, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_UNSUPP };

_Static_assert(offsetof(struct virtio_blk_config, blk_size) == 20, "configuration");
_Static_assert(offsetof(struct virtio_blk_config, num_queues) == 34, "configuration");
_Static_assert(offsetof(struct virtio_blk_config, write_zeroes_may_unmap) == 56, "configuration");
_Static_assert(sizeof(struct virtio_blk_header) == 16, "request header");
_Static_assert(sizeof(struct virtio_blk_segment) == 16, "segment");

#endif
