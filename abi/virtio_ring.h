/* SPDX-License-Identifier: MIT
 *
 * Virtqueues and feature bits as they lie in memory (virtio 1.2 §2.7, §2.8, §6). All fields are
 * little-endian; both sides are little-endian machines.
 */
#ifndef VITRINE_ABI_VIRTIO_RING_H
#define VITRINE_ABI_VIRTIO_RING_H

#include <stddef.h>
#include <stdint.h>

/* §6: feature bits that belong to no device type */
#define VIRTIO_F_INDIRECT_DESC 28
#define VIRTIO_F_EVENT_IDX 29
#define VIRTIO_F_VERSION_1 32
#define VIRTIO_F_ACCESS_PLATFORM 33
#define VIRTIO_F_RING_PACKED 34
#define VIRTIO_F_IN_ORDER 35
#define VIRTIO_F_ORDER_PLATFORM 36
#define VIRTIO_F_NOTIFICATION_DATA 38
#define VIRTIO_F_RING_RESET 40
#define VIRTIO_BIT(feature) (1ULL << (feature))

/* §2.1 */
#define VIRTIO_STATUS_ACKNOWLEDGE 1
#define VIRTIO_STATUS_DRIVER 2
#define VIRTIO_STATUS_DRIVER_OK 4
#define VIRTIO_STATUS_FEATURES_OK 8
#define VIRTIO_STATUS_NEEDS_RESET 64
#define VIRTIO_STATUS_FAILED 128

/* §2.7.5 */
struct vring_desc {
	uint64_t gpa;
	uint32_t len_bytes;
	uint16_t flags; /* VRING_DESC_* */
	uint16_t next;
};

#define VRING_DESC_NEXT 1
#define VRING_DESC_WRITE 2 /* the device writes it */
#define VRING_DESC_INDIRECT 4
#define VRING_DESC_AVAIL (1 << 7) /* packed only */
#define VRING_DESC_USED (1 << 15)

/* §2.7.6; behind the ring: uint16_t used_event */
struct vring_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[];
};

#define VRING_AVAIL_NO_INTERRUPT 1

struct vring_used_elem {
	uint32_t id;
	uint32_t len_bytes;
};

/* §2.7.8; behind the ring: uint16_t avail_event */
struct vring_used {
	uint16_t flags;
	uint16_t idx;
	struct vring_used_elem ring[];
};

#define VRING_USED_NO_NOTIFY 1

/* §2.8.13 */
struct vring_packed_desc {
	uint64_t gpa;
	uint32_t len_bytes;
	uint16_t id;
	uint16_t flags;
};

/* §2.8.14 */
struct vring_packed_event {
	uint16_t offset_wrap; /* bit 15: wrap counter */
	uint16_t flags;	      /* VRING_EVENT_* */
};

#define VRING_EVENT_ENABLE 0
#define VRING_EVENT_DISABLE 1
#define VRING_EVENT_DESC 2

_Static_assert(sizeof(struct vring_desc) == 16, "descriptor");
_Static_assert(offsetof(struct vring_desc, flags) == 12, "descriptor flags");
_Static_assert(sizeof(struct vring_used_elem) == 8, "used element");
_Static_assert(offsetof(struct vring_avail, ring) == 4, "avail ring");
_Static_assert(offsetof(struct vring_used, ring) == 4, "used ring");
_Static_assert(sizeof(struct vring_packed_desc) == 16, "packed descriptor");
_Static_assert(offsetof(struct vring_packed_desc, id) == 12, "packed descriptor id");
_Static_assert(sizeof(struct vring_packed_event) == 4, "packed event suppression");

#endif
