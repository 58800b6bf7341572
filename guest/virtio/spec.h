/* SPDX-License-Identifier: MIT
 *
 * Numbers and layouts of virtio 1.2 that the drivers here use, with the specification's names.
 */
#ifndef GUEST_VIRTIO_SPEC_H
#define GUEST_VIRTIO_SPEC_H

#include <stdint.h>

/* Device status, §2.1. */
enum {
	VIRTIO_ACKNOWLEDGE = 1,
	VIRTIO_DRIVER = 2,
	VIRTIO_DRIVER_OK = 4,
	VIRTIO_FEATURES_OK = 8,
	VIRTIO_NEEDS_RESET = 64,
	VIRTIO_FAILED = 128
};

/* Feature bits of rings and transports, §6. */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)
#define VIRTIO_F_RING_PACKED (1ull << 34)
#define VIRTIO_F_IN_ORDER (1ull << 35)
#define VIRTIO_F_RING_RESET (1ull << 40)

/* Device IDs, §5. */
enum {
	VIRTIO_ID_NET = 1,
	VIRTIO_ID_BLOCK = 2,
	VIRTIO_ID_CONSOLE = 3,
	VIRTIO_ID_RNG = 4,
	VIRTIO_ID_BALLOON = 5,
	VIRTIO_ID_VSOCK = 19,
	VIRTIO_ID_FS = 26
};

/* Descriptor flags, §2.7.5 and §2.8.1. */
enum {
	VIRTQ_DESC_NEXT = 1,
	VIRTQ_DESC_WRITE = 2,
	VIRTQ_DESC_INDIRECT = 4,
	VIRTQ_DESC_AVAIL = 1 << 7,
	VIRTQ_DESC_USED = 1 << 15
};

/* Split ring, §2.7. */
struct virtq_split_desc {
	uint64_t gpa;
	uint32_t bytes;
	uint16_t flags, next;
};

struct virtq_avail {
	uint16_t flags, index;
	uint16_t ring[]; /* then used_event */
};
#define VIRTQ_AVAIL_NO_INTERRUPT 1

struct virtq_used_entry {
	uint32_t id, bytes;
};

struct virtq_used {
	uint16_t flags, index;
	struct virtq_used_entry ring[]; /* then avail_event */
};
#define VIRTQ_USED_NO_NOTIFY 1

/* Packed ring, §2.8. */
struct virtq_packed_desc {
	uint64_t gpa;
	uint32_t bytes;
	uint16_t id, flags;
};

struct virtq_event {
	uint16_t position; /* bit 15: wrap counter */
	uint16_t flags;
};
enum { VIRTQ_EVENT_ENABLE = 0, VIRTQ_EVENT_DISABLE = 1, VIRTQ_EVENT_DESC = 2 };
#define VIRTQ_WRAP 0x8000

_Static_assert(sizeof(struct virtq_split_desc) == 16, "split descriptor");
_Static_assert(sizeof(struct virtq_packed_desc) == 16, "packed descriptor");

/* virtio-mmio registers, §4.2.2. */
enum {
	VIRTIO_MMIO_MAGIC = 0x000,
	VIRTIO_MMIO_VERSION = 0x004,
	VIRTIO_MMIO_DEVICE_ID = 0x008,
	VIRTIO_MMIO_DEVICE_FEATURES = 0x010,
	VIRTIO_MMIO_DEVICE_FEATURES_SELECT = 0x014,
	VIRTIO_MMIO_DRIVER_FEATURES = 0x020,
	VIRTIO_MMIO_DRIVER_FEATURES_SELECT = 0x024,
	VIRTIO_MMIO_QUEUE_SELECT = 0x030,
	VIRTIO_MMIO_QUEUE_SIZE_MAX = 0x034,
	VIRTIO_MMIO_QUEUE_SIZE = 0x038,
	VIRTIO_MMIO_QUEUE_READY = 0x044,
	VIRTIO_MMIO_QUEUE_NOTIFY = 0x050,
	VIRTIO_MMIO_INTERRUPT_STATUS = 0x060,
	VIRTIO_MMIO_INTERRUPT_ACK = 0x064,
	VIRTIO_MMIO_STATUS = 0x070,
	VIRTIO_MMIO_QUEUE_DESC = 0x080,
	VIRTIO_MMIO_QUEUE_DRIVER = 0x090,
	VIRTIO_MMIO_QUEUE_DEVICE = 0x0a0,
	VIRTIO_MMIO_QUEUE_RESET = 0x0c0,
	VIRTIO_MMIO_CONFIG_GENERATION = 0x0fc,
	VIRTIO_MMIO_CONFIG = 0x100,
	VIRTIO_MMIO_BYTES = 0x200
};
#define VIRTIO_MMIO_MAGIC_VALUE 0x74726976 /* "virt" */

/* virtio-pci, §4.1. */
#define VIRTIO_PCI_VENDOR 0x1af4
#define VIRTIO_PCI_PRODUCT_BASE 0x1040 /* plus the device ID */
enum {
	VIRTIO_PCI_CAP_COMMON = 1,
	VIRTIO_PCI_CAP_NOTIFY = 2,
	VIRTIO_PCI_CAP_ISR = 3,
	VIRTIO_PCI_CAP_DEVICE = 4
};
enum {
	VIRTIO_PCI_DEVICE_FEATURE_SELECT = 0x00,
	VIRTIO_PCI_DEVICE_FEATURE = 0x04,
	VIRTIO_PCI_DRIVER_FEATURE_SELECT = 0x08,
	VIRTIO_PCI_DRIVER_FEATURE = 0x0c,
	VIRTIO_PCI_CONFIG_VECTOR = 0x10,
	VIRTIO_PCI_STATUS = 0x14,
	VIRTIO_PCI_CONFIG_GENERATION = 0x15,
	VIRTIO_PCI_QUEUE_SELECT = 0x16,
	VIRTIO_PCI_QUEUE_SIZE = 0x18,
	VIRTIO_PCI_QUEUE_VECTOR = 0x1a,
	VIRTIO_PCI_QUEUE_ENABLE = 0x1c,
	VIRTIO_PCI_QUEUE_NOTIFY_OFF = 0x1e,
	VIRTIO_PCI_QUEUE_DESC = 0x20,
	VIRTIO_PCI_QUEUE_DRIVER = 0x28,
	VIRTIO_PCI_QUEUE_DEVICE = 0x30,
	VIRTIO_PCI_QUEUE_RESET = 0x3a,
	VIRTIO_PCI_COMMON_BYTES = 0x3c
};
#define VIRTIO_PCI_NO_VECTOR 0xffff

#endif
