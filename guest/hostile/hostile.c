/* SPDX-License-Identifier: MIT
 *
 * For each device and each case: negotiate, open, do it, look, and see whether the device still works.
 */
#include "guest/hostile/hostile.h"

#include "guest/arch/insn.h"
#include "guest/hostile/cases.h"
#include "guest/hostile/request.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/time/clock.h"
#include "guest/virtio/device.h"

#define PATIENCE_NS 200000000ull /* for a device that may never answer */

enum outcome { IGNORED, NEEDS_RESET, COMPLETED, OUTCOMES };

static const char *const outcome_name[] = {"ignored", "needs reset", "completed"};

/* Negotiates and opens all queues up to count, but one. false: refused. */
static bool open(struct virtio_device *device, unsigned but)
{
	const struct virtio_transport *transport = device->transport;

	if (!virtio_start(device, request_features(device)))
		return false;
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++)
		if (i != but && transport->queue_size_max(device, i) &&
		    !virtio_queue_open(device, i, VIRTQ_SIZE_MAX))
			return false;
	return true;
}

static enum outcome watch(const struct virtio_device *device, const struct virtq *queue,
			  bool is_open)
{
	const uint64_t start = clock_ns();

	while (clock_ns() - start < PATIENCE_NS) {
		if (device->transport->get_status(device) & VIRTIO_NEEDS_RESET)
			return NEEDS_RESET;
		if (is_open && virtq_has_used(queue))
			return COMPLETED;
		cpu_relax();
	}
	return IGNORED;
}

static bool attack(struct virtio_device *device, unsigned index, const struct hostile_case *c,
		   enum outcome *outcome)
{
	struct virtq *queue = &device->queue[index];

	if (!open(device, c->wants_closed_queue ? index : VIRTIO_QUEUES_MAX))
		return false;
	if (c->wants_closed_queue)
		c->prepare(queue);
	virtio_ready(device);
	if (!c->wants_closed_queue)
		c->prepare(queue);
	device->transport->notify(device, index);
	*outcome = watch(device, queue, !c->wants_closed_queue);
	return true;
}

static bool still_works(struct virtio_device *device)
{
	if (!open(device, VIRTIO_QUEUES_MAX))
		return false;
	virtio_ready(device);
	return request_works(device);
}

struct tally {
	unsigned tried, failed, count[OUTCOMES];
};

/* A device that may end is tried no more when it has, and must have said so. */
static bool ended[VIRTIO_DEVICES_MAX];

static bool has_ended(const struct virtio_device *device, enum outcome outcome)
{
	bool *has = &ended[device - virtio_device];

	*has |= request_may_end(device) && outcome == NEEDS_RESET;
	return *has;
}

static void try_case(struct virtio_device *device, unsigned index, const struct hostile_case *c,
		     struct tally *tally)
{
	enum outcome outcome = IGNORED;
	const bool attacked = attack(device, index, c, &outcome);
	const bool works = attacked && still_works(device);
	const bool allowed = outcome != COMPLETED || c->may_complete;
	const bool good = allowed && (works || (attacked && has_ended(device, outcome)));

	tally->tried++;
	tally->count[outcome]++;
	tally->failed += !good;
	print("  %s %-36s %s%s%s\n", good ? "ok    " : "FAILED", c->name, outcome_name[outcome],
	      allowed ? "" : ", which it must not be",
	      works  ? ""
	      : good ? "; its back end has ended, as it may"
		     : "; and no longer works");
}

static bool try_device(struct virtio_device *device)
{
	struct tally tally = {0};
	unsigned index;

	if (!request_queue(device, &index)) {
		print("hostile: %s: no proper request is known for device ID %u\n", device->name,
		      device->id);
		return true;
	}
	print("hostile: %s (%s by %s)\n", device->name, virtio_id_name(device->id),
	      device->transport->name);
	if (!still_works(device)) {
		print("  FAILED a proper request before all\n");
		return false;
	}
	for (unsigned i = 0; i < hostile_case_count && !ended[device - virtio_device]; i++) {
		const bool packed = device->negotiated & VIRTIO_F_RING_PACKED;

		if (hostile_case[i].format & (packed ? HOSTILE_PACKED : HOSTILE_SPLIT))
			try_case(device, index, &hostile_case[i], &tally);
	}
	print("hostile: %s: %u cases, %u need reset, %u ignored, %u completed, %u failed\n",
	      virtio_id_name(device->id), tally.tried, tally.count[NEEDS_RESET],
	      tally.count[IGNORED], tally.count[COMPLETED], tally.failed);
	return !tally.failed;
}

/* What one device went through must not hurt the others. */
static bool all_still_work(void)
{
	bool good = true;
	unsigned index;

	for (unsigned i = 0; i < virtio_device_count; i++)
		if (request_queue(&virtio_device[i], &index) && !ended[i] &&
		    !still_works(&virtio_device[i])) {
			print("hostile: %s no longer works\n", virtio_device[i].name);
			good = false;
		}
	return good;
}

uint32_t hostile_run(const char *kind)
{
	unsigned count = 0;
	bool good = hostile_cases_init();

	virtio_find_all();
	for (unsigned i = 0; i < virtio_device_count; i++) {
		struct virtio_device *device = &virtio_device[i];

		if (strcmp(kind, "all") && strcmp(kind, virtio_id_name(device->id)))
			continue;
		count++;
		good &= try_device(device);
	}
	good &= all_still_work();
	if (!count)
		print("hostile: there is no virtio device \"%s\"\n", kind);
	print("hostile %s: %u devices: %s\n", kind, count, good && count ? "passed" : "FAILED");
	return good && count ? 0 : 1;
}
