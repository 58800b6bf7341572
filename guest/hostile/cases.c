/* SPDX-License-Identifier: MIT
 *
 * Each function is one request that breaks one rule of virtio 1.2 §2.6 to §2.8.
 */
#include "guest/hostile/cases.h"

#include <stddef.h>

#include "guest/hostile/request.h"
#include "guest/lib/string.h"
#include "guest/mm/dma.h"
#include "guest/mm/layout.h"
#include "guest/virtio/device.h"

#define BEYOND_RAM (1ull << 45)
#define LAPIC_GPA 0xfee00000ull
#define LAST_PAGE 0xfffffffffffff000ull
#define PIECE 64 /* bytes of a harmless piece */
#define SECTOR 512
#define TABLE_AT 4096
#define TABLE_ENTRIES (VIRTQ_SIZE_MAX + 1)

enum { NEXT = VIRTQ_DESC_NEXT, WRITE = VIRTQ_DESC_WRITE, INDIRECT = VIRTQ_DESC_INDIRECT };

/* A page that may be read and written, then room for an indirect table. */
static struct dma scratch;

bool hostile_cases_init(void)
{
	return scratch.at ||
	       dma_alloc(&scratch, TABLE_AT + TABLE_ENTRIES * sizeof(struct virtq_split_desc));
}

static bool is_packed(const struct virtq *q)
{
	return q->format == &virtq_packed;
}

/* Descriptor at of the ring. In packed rings next is the buffer ID, and it is available at once. */
static void put(struct virtq *q, unsigned at, uint64_t gpa, uint32_t bytes, uint16_t flags,
		uint16_t next)
{
	struct virtq_split_desc *split = q->ring.at;
	struct virtq_packed_desc *packed = q->ring.at;

	if (is_packed(q))
		packed[at] = (struct virtq_packed_desc){gpa, bytes, next, flags | VIRTQ_DESC_AVAIL};
	else
		split[at] = (struct virtq_split_desc){gpa, bytes, flags, next};
}

/* The same in the indirect table. */
static void put_table(const struct virtq *q, unsigned at, uint64_t gpa, uint32_t bytes,
		      uint16_t flags, uint16_t next)
{
	struct virtq_split_desc *split = (void *)((char *)scratch.at + TABLE_AT);
	struct virtq_packed_desc *packed = (void *)split;

	if (is_packed(q))
		packed[at] = (struct virtq_packed_desc){gpa, bytes, 0, flags & ~NEXT};
	else
		split[at] = (struct virtq_split_desc){gpa, bytes, flags, next};
}

/* Makes count entries of the avail ring available, all with this head. */
static void offer(struct virtq *q, uint16_t head, uint16_t count)
{
	struct virtq_avail *avail = (void *)((char *)q->ring.at + q->driver_offset);

	if (is_packed(q))
		return;
	for (unsigned i = 0; i < q->size; i++)
		avail->ring[i] = head;
	__atomic_store_n(&avail->index, count, __ATOMIC_RELEASE);
}

/* One descriptor alone. */
static void one(struct virtq *q, uint64_t gpa, uint32_t bytes, uint16_t flags)
{
	put(q, 0, gpa, bytes, flags, 0);
	offer(q, 0, 1);
}

static void indirect(struct virtq *q, uint32_t bytes, uint16_t flags)
{
	one(q, scratch.gpa + TABLE_AT, bytes, flags | INDIRECT);
}

static void loop_of_two(struct virtq *q)
{
	put(q, 0, scratch.gpa, PIECE, NEXT, 1);
	put(q, 1, scratch.gpa, PIECE, NEXT, 0);
	offer(q, 0, 1);
}

static void loop_of_one(struct virtq *q)
{
	one(q, scratch.gpa, PIECE, NEXT);
}

/* All descriptors of the ring in one chain that says it goes on. */
static void no_end(struct virtq *q)
{
	for (unsigned i = 0; i < q->size; i++)
		put(q, i, scratch.gpa, PIECE, NEXT, is_packed(q) ? 0 : (i + 1) % q->size);
	offer(q, 0, 1);
}

static void next_outside(struct virtq *q)
{
	put(q, 0, scratch.gpa, PIECE, NEXT, q->size);
	offer(q, 0, 1);
}

static void next_far_outside(struct virtq *q)
{
	put(q, 0, scratch.gpa, PIECE, NEXT, 0xffff);
	offer(q, 0, 1);
}

static void head_outside(struct virtq *q)
{
	put(q, 0, scratch.gpa, PIECE, 0, 0);
	offer(q, q->size, 1);
}

static void head_far_outside(struct virtq *q)
{
	put(q, 0, scratch.gpa, PIECE, 0, 0);
	offer(q, 0xffff, 1);
}

static void index_jumps(struct virtq *q)
{
	put(q, 0, scratch.gpa, PIECE, 0, 0);
	offer(q, 0, q->size + 1);
}

static void index_jumps_far(struct virtq *q)
{
	put(q, 0, scratch.gpa, PIECE, 0, 0);
	offer(q, 0, 0x8000);
}

static void id_outside(struct virtq *q)
{
	put(q, 0, scratch.gpa, PIECE, 0, 0xffff);
}

/* A proper request, but for one piece: the last that is read, or the first that is written. If it has
 * only pieces of the other kind, its first one. */
static void bend(struct virtq *q, bool written, uint64_t gpa, uint32_t bytes)
{
	struct virtq_buffer buffer[REQUEST_PIECES_MAX];
	const unsigned count = request_prepare(q->owner, buffer);
	unsigned bent = 0;

	for (unsigned i = count; i-- > 0;)
		if (buffer[i].device_writes == written && (written || !bent))
			bent = i;
	buffer[bent].gpa = gpa ? gpa : buffer[bent].gpa;
	buffer[bent].bytes = bytes;
	for (unsigned i = 0; i < count; i++)
		put(q, i, buffer[i].gpa, buffer[i].bytes,
		    (buffer[i].device_writes ? WRITE : 0) | (i + 1 < count ? NEXT : 0),
		    is_packed(q) ? 0 : i + 1);
	offer(q, 0, 1);
}

static void address_wraps(struct virtq *q)
{
	bend(q, false, LAST_PAGE, 2 * PAGE_BYTES);
}

static void address_wraps_written(struct virtq *q)
{
	bend(q, true, LAST_PAGE, 2 * PAGE_BYTES);
}

static void length_all(struct virtq *q)
{
	bend(q, false, 0, UINT32_MAX);
}

static void length_all_written(struct virtq *q)
{
	bend(q, true, 0, UINT32_MAX);
}

static void length_sums_over(struct virtq *q)
{
	for (unsigned i = 0; i < 4; i++)
		put(q, i, scratch.gpa, 0x80000000, i < 3 ? NEXT : 0, is_packed(q) ? 0 : i + 1);
	offer(q, 0, 1);
}

static void length_zero(struct virtq *q)
{
	bend(q, false, 0, 0);
}

static void length_zero_written(struct virtq *q)
{
	bend(q, true, 0, 0);
}

static void outside_ram(struct virtq *q)
{
	bend(q, false, BEYOND_RAM, PIECE);
}

static void outside_ram_written(struct virtq *q)
{
	bend(q, true, BEYOND_RAM, SECTOR);
}

static void device_memory(struct virtq *q)
{
	bend(q, true, LAPIC_GPA, SECTOR);
}

static void written_before_read(struct virtq *q)
{
	put(q, 0, scratch.gpa, PIECE, WRITE | NEXT, is_packed(q) ? 0 : 1);
	put(q, 1, scratch.gpa, PIECE, 0, 0);
	offer(q, 0, 1);
}

static void too_short(struct virtq *q)
{
	one(q, scratch.gpa, 1, 0);
}

static void only_written(struct virtq *q)
{
	one(q, scratch.gpa, 1, WRITE);
}

static void table_in_table(struct virtq *q)
{
	put_table(q, 0, scratch.gpa + TABLE_AT, 16, INDIRECT, 0);
	indirect(q, 16, 0);
}

static void table_of_17(struct virtq *q)
{
	put_table(q, 0, scratch.gpa, PIECE, 0, 0);
	indirect(q, 17, 0);
}

static void table_of_0(struct virtq *q)
{
	indirect(q, 0, 0);
}

static void table_of_8(struct virtq *q)
{
	indirect(q, 8, 0);
}

static void table_huge(struct virtq *q)
{
	indirect(q, 0xfffffff0, 0);
}

static void table_outside_ram(struct virtq *q)
{
	one(q, BEYOND_RAM, 32, INDIRECT);
}

static void table_wraps(struct virtq *q)
{
	one(q, LAST_PAGE + 0xff0, 32, INDIRECT);
}

static void table_and_next(struct virtq *q)
{
	put_table(q, 0, scratch.gpa, PIECE, 0, 0);
	put(q, 1, scratch.gpa, PIECE, 0, 0);
	put(q, 0, scratch.gpa + TABLE_AT, 16, INDIRECT | NEXT, is_packed(q) ? 0 : 1);
	offer(q, 0, 1);
}

static void table_loop(struct virtq *q)
{
	put_table(q, 0, scratch.gpa, PIECE, NEXT, 1);
	put_table(q, 1, scratch.gpa, PIECE, NEXT, 0);
	indirect(q, 32, 0);
}

static void table_next_outside(struct virtq *q)
{
	put_table(q, 0, scratch.gpa, PIECE, NEXT, 2);
	indirect(q, 32, 0);
}

/* One more than the queue has, which no chain may have (§2.7.5.3.1, §2.8.19). */
static void chain_too_long(struct virtq *q)
{
	for (unsigned i = 0; i <= q->size; i++)
		put_table(q, i, scratch.gpa, 1, i < q->size ? NEXT : 0, i < q->size ? i + 1 : 0);
	indirect(q, (q->size + 1) * 16, 0);
}

/* --- a queue that is enabled in a bad way, or not at all */

#define DRIVER_AT TABLE_AT
#define DEVICE_AT (TABLE_AT + 2048)

/* A ring in scratch with one request in it. */
static void fill_scratch_ring(const struct virtq *q)
{
	const struct virtq_packed_desc packed = {scratch.gpa + PIECE, PIECE, 0, VIRTQ_DESC_AVAIL};
	const struct virtq_split_desc split = {scratch.gpa + PIECE, PIECE, 0, 0};
	struct virtq_avail *avail = (void *)((char *)scratch.at + DRIVER_AT);

	memset(scratch.at, 0, scratch.bytes);
	if (is_packed(q))
		*(struct virtq_packed_desc *)scratch.at = packed;
	else
		*(struct virtq_split_desc *)scratch.at = split;
	avail->index = !is_packed(q);
}

static void enable(struct virtq *q, unsigned size, uint64_t desc, uint64_t driver, uint64_t device)
{
	struct virtio_device *d = q->owner;
	const struct virtio_ring_gpas ring = {desc, driver, device};

	fill_scratch_ring(q);
	d->transport->queue_enable(d, q->index, size, &ring);
}

static void ring_outside_ram(struct virtq *q)
{
	enable(q, q->size, BEYOND_RAM, BEYOND_RAM + 0x10000, BEYOND_RAM + 0x20000);
}

static void ring_wraps(struct virtq *q)
{
	enable(q, q->size, LAST_PAGE + 0xff0, LAST_PAGE + 0xffe, LAST_PAGE + 0xffc);
}

static void driver_area_outside_ram(struct virtq *q)
{
	enable(q, q->size, scratch.gpa, BEYOND_RAM, scratch.gpa + DEVICE_AT);
}

static void device_area_in_registers(struct virtq *q)
{
	enable(q, q->size, scratch.gpa, scratch.gpa + DRIVER_AT, LAPIC_GPA);
}

static void ring_misaligned(struct virtq *q)
{
	enable(q, q->size, scratch.gpa + 1, scratch.gpa + DRIVER_AT + 1,
	       scratch.gpa + DEVICE_AT + 1);
}

static void size_zero(struct virtq *q)
{
	enable(q, 0, scratch.gpa, scratch.gpa + DRIVER_AT, scratch.gpa + DEVICE_AT);
}

static void size_too_large(struct virtq *q)
{
	enable(q, 0xffff, scratch.gpa, scratch.gpa + DRIVER_AT, scratch.gpa + DEVICE_AT);
}

static void size_odd(struct virtq *q)
{
	enable(q, 3, scratch.gpa, scratch.gpa + DRIVER_AT, scratch.gpa + DEVICE_AT);
}

static void not_enabled(struct virtq *q)
{
	(void)q;
}

/* name, function, ring formats, may complete, wants a closed queue */
const struct hostile_case hostile_case[] = {
	{"chain is a loop of two", loop_of_two, HOSTILE_SPLIT, false, false},
	{"chain is a loop of one", loop_of_one, HOSTILE_SPLIT, false, false},
	{"chain has no end", no_end, HOSTILE_BOTH, false, false},
	{"chain is longer than the queue", chain_too_long, HOSTILE_BOTH, true, false},
	{"next == queue size", next_outside, HOSTILE_SPLIT, false, false},
	{"next == 65535", next_far_outside, HOSTILE_SPLIT, false, false},
	{"head == queue size", head_outside, HOSTILE_SPLIT, false, false},
	{"head == 65535", head_far_outside, HOSTILE_SPLIT, false, false},
	{"avail index jumps by queue size + 1", index_jumps, HOSTILE_SPLIT, false, false},
	{"avail index jumps by 32768", index_jumps_far, HOSTILE_SPLIT, false, false},
	{"buffer ID 65535", id_outside, HOSTILE_PACKED, true, false},
	{"address wraps", address_wraps, HOSTILE_BOTH, true, false},
	{"address wraps, written", address_wraps_written, HOSTILE_BOTH, true, false},
	{"length 2^32 - 1", length_all, HOSTILE_BOTH, false, false},
	{"length 2^32 - 1, written", length_all_written, HOSTILE_BOTH, false, false},
	{"lengths sum up to 2^33", length_sums_over, HOSTILE_BOTH, false, false},
	{"length 0", length_zero, HOSTILE_BOTH, true, false},
	{"length 0, written", length_zero_written, HOSTILE_BOTH, true, false},
	{"address outside RAM", outside_ram, HOSTILE_BOTH, true, false},
	{"address outside RAM, written", outside_ram_written, HOSTILE_BOTH, true, false},
	{"address of device registers", device_memory, HOSTILE_BOTH, true, false},
	{"written before read", written_before_read, HOSTILE_BOTH, true, false},
	{"one byte to read", too_short, HOSTILE_BOTH, true, false},
	{"one byte to write", only_written, HOSTILE_BOTH, true, false},
	{"table in a table", table_in_table, HOSTILE_SPLIT, false, false},
	/* §2.8.7: flags but WRITE are ignored in a packed table, so this is 16 bytes to read */
	{"table's entry says table", table_in_table, HOSTILE_PACKED, true, false},
	{"table of 17 bytes", table_of_17, HOSTILE_BOTH, false, false},
	{"table of 8 bytes", table_of_8, HOSTILE_BOTH, false, false},
	{"table of 0 bytes", table_of_0, HOSTILE_BOTH, false, false},
	{"table of 2^32 - 16 bytes", table_huge, HOSTILE_BOTH, false, false},
	{"table outside RAM", table_outside_ram, HOSTILE_BOTH, false, false},
	{"table's address wraps", table_wraps, HOSTILE_BOTH, false, false},
	{"table with a next descriptor", table_and_next, HOSTILE_BOTH, true, false},
	{"table is a loop", table_loop, HOSTILE_SPLIT, false, false},
	{"next is outside the table", table_next_outside, HOSTILE_SPLIT, false, false},
	{"ring outside RAM", ring_outside_ram, HOSTILE_BOTH, false, true},
	{"ring's address wraps", ring_wraps, HOSTILE_BOTH, false, true},
	{"driver area outside RAM", driver_area_outside_ram, HOSTILE_BOTH, false, true},
	{"device area in device registers", device_area_in_registers, HOSTILE_BOTH, false, true},
	{"ring misaligned", ring_misaligned, HOSTILE_BOTH, true, true},
	{"queue size 0", size_zero, HOSTILE_BOTH, false, true},
	{"queue size 65535", size_too_large, HOSTILE_BOTH, true, true},
	{"queue size 3", size_odd, HOSTILE_SPLIT, true, true},
	{"notified, but not enabled", not_enabled, HOSTILE_BOTH, false, true},
};
const unsigned hostile_case_count = sizeof(hostile_case) / sizeof(hostile_case[0]);
