/* SPDX-License-Identifier: MIT
 *
 * virtqueues: each virtio queue's indexes as they are in memory at this moment, and of a split ring the
 * chains that the device has.
 */
#include "guest/fs/procfs/tables.h"
#include "guest/virtio/device.h"

#define CHAINS_SHOWN_MAX 16

static void show_chain(struct text *text, const struct virtq *q, uint16_t head)
{
	uint16_t at = head, flags = VIRTQ_DESC_NEXT;

	for (unsigned n = 0; n < VIRTQ_CHAIN_MAX && flags & VIRTQ_DESC_NEXT; n++) {
		const struct virtq_split_desc desc = virtq_split_descriptor(q, at);

		flags = desc.flags;
		text_print(text, "  desc=%u gpa=0x%lx bytes=%u device=%s next=", at, desc.gpa,
			   desc.bytes, flags & VIRTQ_DESC_WRITE ? "writes" : "reads");
		text_print(text, flags & VIRTQ_DESC_NEXT ? "%u\n" : "-\n", desc.next);
		at = desc.next;
	}
}

static void show_split(struct text *text, const struct virtq *q, const struct virtq_indexes now)
{
	uint16_t at = now.taken;

	text_print(text, " free=%u avail=%u used=%u taken=%u avail_event=%u used_event=%u\n",
		   now.free, now.avail, now.used, now.taken, now.avail_event, now.used_event);
	for (unsigned n = 0; n < CHAINS_SHOWN_MAX && at != now.avail; n++)
		show_chain(text, q, virtq_split_head(q, at++));
}

static void show_queue(struct text *text, const struct virtio_device *device, const struct virtq *q)
{
	const bool split = q->format == &virtq_split;
	struct virtq_indexes now = {0};

	if (split)
		now = virtq_split_indexes(q); /* at once: printing takes its time */
	text_print(text, "%s %s queue=%u size=%u kicks=%lu spared=%lu interrupts=%lu", device->name,
		   virtio_id_name(device->id), q->index, q->size, q->counters.kicks,
		   q->counters.kicks_spared, device->interrupts);
	if (split)
		show_split(text, q, now);
	else
		text_print(text, " free=%u put=%u taken=%u\n", q->free_count, q->put_at,
			   q->take_at);
}

int proc_show_virtqueues(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	for (unsigned i = 0; i < virtio_device_count; i++)
		for (unsigned j = 0; j < VIRTIO_QUEUES_MAX; j++)
			if (virtio_device[i].queue[j].ring.at)
				show_queue(text, &virtio_device[i], &virtio_device[i].queue[j]);
	return text->error;
}
