/* SPDX-License-Identifier: MIT
 *
 * Random traffic over both formats with every combination of ring features: a driver and a device take
 * random steps, over many laps of the rings and of 16-bit indexes. The device gets every chain once, in
 * order, as it was made; the driver gets every chain back once, with its length, in order if so negotiated;
 * and whoever sleeps is woken when there is something to do, and not otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>

#include "virtq_driver.h"

#define RECORDS 4096
#define PENDING_MAX 64

struct record {
	struct driver_buffer buffer[DRIVER_CHAIN_MAX];
	unsigned count;
	uint32_t in_bytes, written;
	bool is_pushed, is_taken;
};

struct world {
	struct driver d;
	struct virtq *q;
	uint64_t seed;
	struct record record[RECORDS]; /* [cookie % RECORDS] */
	uint64_t added, popped, taken;
	struct virtq_chain pending[PENDING_MAX];
	uint64_t pending_cookie[PENDING_MAX];
	unsigned pending_count;
	unsigned unpublished;
	bool device_sleeps, driver_sleeps, device_is_simple;
	uint64_t kicks, interrupts;
};

static uint32_t any(struct world *w, uint32_t below)
{
	w->seed = w->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(w->seed >> 33) % below;
}

static void make_record(struct world *w, struct record *record)
{
	unsigned count = 1 + (any(w, 3) ? any(w, 4) : any(w, DRIVER_CHAIN_MAX));
	unsigned out = any(w, count + 1);

	*record = (struct record){.count = count};
	for (unsigned i = 0; i < count; i++) {
		uint32_t len = 1 + (any(w, 4) ? any(w, 64) : any(w, 65536));

		record->buffer[i] = (struct driver_buffer){
			DRIVER_DATA_GPA + any(w, DRIVER_DATA_BYTES - len + 1), len, i >= out};
		record->in_bytes += i >= out ? len : 0;
	}
}

/* --- the driver -------------------------------------------------------------------------------- */

/* Split with EVENT_IDX there is no quiet, only an index that was passed. */
static bool device_asked_for_quiet(const struct world *w)
{
	return !w->device_is_simple && !w->device_sleeps && (w->d.is_packed || !w->d.has_event_idx);
}

static void driver_adds(struct world *w)
{
	for (unsigned n = any(w, 6); n; n--) {
		struct record *record = &w->record[w->added % RECORDS];
		bool indirect = driver_has(&w->d, VIRTIO_F_INDIRECT_DESC) && any(w, 2);

		make_record(w, record);
		if (!driver_add(&w->d, record->buffer, record->count, indirect, w->added))
			break;
		w->added++;
	}

	bool shown = w->d.added_slots > 0;
	bool kick = driver_show(&w->d);

	if (w->device_sleeps && shown)
		assert_true(kick); /* not lost */
	if (!shown || device_asked_for_quiet(w))
		assert_false(kick);
	if (kick) {
		w->kicks++;
		w->device_sleeps = false;
		if (!w->device_is_simple)
			virtq_disable_kicks(w->q);
	}
}

static void driver_takes(struct world *w, unsigned most)
{
	uint64_t cookie;
	uint32_t written;

	while (most-- && driver_take(&w->d, &cookie, &written)) {
		struct record *record = &w->record[cookie % RECORDS];

		assert_true(record->is_pushed && !record->is_taken);
		assert_int_equal(written, record->written);
		if (w->d.is_in_order)
			assert_int_equal(cookie, w->taken);
		record->is_taken = true;
		w->taken++;
	}
}

/* Sleeps, or would be woken only after some more, as drivers do that free in bulk. */
static void driver_rests(struct world *w)
{
	uint32_t outstanding = w->d.size - w->d.free_slots; /* slots of the ring */

	if (!w->d.is_packed)
		outstanding = w->added - w->taken;

	uint16_t ahead = outstanding > 1 && any(w, 4) == 0 ? any(w, outstanding) : 0;

	w->driver_sleeps = !driver_enable_interrupts(&w->d, ahead);
	if (!w->driver_sleeps)
		driver_disable_interrupts(&w->d);
}

/* --- the device -------------------------------------------------------------------------------- */

static void check_chain(struct world *w, const struct virtq_chain *chain)
{
	const struct record *record = &w->record[w->popped % RECORDS];

	assert_int_equal(chain->out_count + chain->in_count, record->count);
	assert_int_equal(chain->in_bytes, record->in_bytes);
	for (unsigned i = 0; i < record->count; i++) {
		assert_ptr_equal(chain->iov[i].iov_base, driver_hva(&w->d, record->buffer[i].gpa));
		assert_int_equal(chain->iov[i].iov_len, record->buffer[i].len_bytes);
		assert_int_equal(i >= chain->out_count, record->buffer[i].is_writable);
	}
}

static int device_pops(struct world *w)
{
	struct iovec iov[DRIVER_CHAIN_MAX];
	struct virtq_chain *chain = &w->pending[w->pending_count];

	*chain = (struct virtq_chain){.iov = iov, .iov_max = DRIVER_CHAIN_MAX};

	int popped = virtq_pop(w->q, chain);

	assert_true(popped >= 0);
	if (!popped)
		return 0;
	check_chain(w, chain);
	if (any(w, 16) == 0) {
		virtq_unpop(w->q, chain);
		return 1;
	}
	w->pending_cookie[w->pending_count++] = w->popped++;
	return 1;
}

static void device_works(struct world *w)
{
	for (unsigned n = any(w, 8); n && w->pending_count < PENDING_MAX; n--) {
		if (device_pops(w))
			continue;
		assert_true(w->device_is_simple || !virtq_has_work(w->q));
		w->device_sleeps = w->device_is_simple || !virtq_enable_kicks(w->q);
		if (w->device_sleeps)
			return;
		virtq_disable_kicks(w->q);
	}
}

static void device_pushes(struct world *w)
{
	if (!w->pending_count)
		return;

	unsigned i = any(w, w->pending_count);
	struct record *record = &w->record[w->pending_cookie[i] % RECORDS];

	record->written = any(w, 4) ? record->in_bytes : any(w, record->in_bytes + 1);
	record->is_pushed = true;
	virtq_push(w->q, &w->pending[i], record->written);
	w->pending_count--;
	w->pending[i] = w->pending[w->pending_count];
	w->pending_cookie[i] = w->pending_cookie[w->pending_count];
	w->unpublished++;
}

static void device_publishes(struct world *w)
{
	bool had_used = driver_has_used(&w->d);
	bool wanted = virtq_publish(w->q);

	if (!had_used && driver_has_used(&w->d))
		assert_true(w->unpublished > 0);
	if (!w->unpublished || (!w->driver_sleeps && (w->d.is_packed || !w->d.has_event_idx)))
		assert_false(wanted);
	w->unpublished = 0;
	if (wanted) {
		w->interrupts++;
		w->driver_sleeps = false;
		driver_disable_interrupts(&w->d);
	}
}

/* --- both ------------------------------------------------------------------------------------- */

static void random_step(struct world *w, bool may_add)
{
	switch (any(w, 8)) {
	case 0:
	case 1:
		if (may_add)
			driver_adds(w);
		break;
	case 2:
		if (!w->driver_sleeps)
			driver_takes(w, any(w, 8));
		break;
	case 3:
		if (!w->driver_sleeps && !driver_has_used(&w->d))
			driver_rests(w);
		break;
	case 4:
		if (!w->device_sleeps)
			device_works(w);
		break;
	case 5:
	case 6: device_pushes(w); break;
	default: device_publishes(w);
	}
}

static void exchange(struct world *w, uint64_t chains)
{
	for (unsigned idle = 0; w->added < chains; idle++) {
		uint64_t before = w->added;

		random_step(w, true);
		if (w->added > before)
			idle = 0;
		if (idle > 100000)
			fail_msg("no more room after %llu chains, %llu came back: somebody sleeps",
				 (unsigned long long)w->added, (unsigned long long)w->taken);
	}
}

static void settle(struct world *w)
{
	for (unsigned steps = 0; w->taken < w->added; steps++) {
		random_step(w, false);
		if (steps > 100000)
			fail_msg("%llu of %llu chains came back: somebody sleeps",
				 (unsigned long long)w->taken, (unsigned long long)w->added);
	}
	assert_int_equal(w->d.free_slots, w->d.size);
	assert_int_equal(w->popped, w->added);
}

static void check_counters(struct world *w)
{
	const struct queue_counters *counters = virtq_counters(w->q);
	uint64_t depths = 0, latencies = 0;

	for (unsigned i = 0; i < QUEUE_DEPTH_BUCKETS; i++)
		depths += counters->depth[i];
	for (unsigned i = 0; i < QUEUE_LATENCY_BUCKETS; i++)
		latencies += counters->latency[i];
	assert_int_equal(counters->requests, w->added);
	assert_int_equal(depths, w->added);
	assert_int_equal(latencies, w->added);
	assert_int_equal(counters->interrupts, w->interrupts);
	assert_true(counters->kicks_suppressed + w->kicks <= w->added);
	/* Random steps leave both sides busy often enough that much is suppressed. */
	if (w->d.size >= 32) {
		assert_true(counters->interrupts_suppressed > 0);
		assert_true(w->kicks < w->added);
		assert_int_equal(w->d.batches > 0, w->d.is_in_order);
	}
}

/* Until so many chains were exchanged; a position in between is one to go on from. */
static void run_traffic(uint64_t features, uint16_t size, uint64_t chains, bool device_is_simple)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	driver_create(&w->d, features, size);
	assert_int_equal(virtq_create(&w->d.mem, VIRTQ_SIZE_MAX, &w->q), 0);
	assert_int_equal(virtq_start(w->q, &w->d.config, features, DRIVER_CHAIN_MAX), 0);
	w->seed = features ^ size;
	w->device_is_simple = device_is_simple;
	w->device_sleeps = true;
	driver_disable_interrupts(&w->d);
	exchange(w, chains);
	settle(w);

	struct virtq_position position = virtq_position(w->q);

	assert_int_equal(virtq_start(w->q, &w->d.config, features, DRIVER_CHAIN_MAX), 0);
	assert_int_equal(virtq_set_position(w->q, position), 0);
	w->device_sleeps = true;
	exchange(w, w->added + 300);
	settle(w);
	check_counters(w);
	virtq_destroy(w->q);
	driver_destroy(&w->d);
	free(w);
}

static uint64_t combination(unsigned bits)
{
	return VIRTIO_BIT(VIRTIO_F_VERSION_1) | (bits & 1 ? VIRTIO_BIT(VIRTIO_F_EVENT_IDX) : 0) |
	       (bits & 2 ? VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) : 0) |
	       (bits & 4 ? VIRTIO_BIT(VIRTIO_F_IN_ORDER) : 0);
}

static void run_sizes(uint64_t format, const uint16_t *sizes, unsigned count)
{
	for (unsigned bits = 0; bits < 8; bits++) {
		for (unsigned i = 0; i < count; i++) {
			run_traffic(format | combination(bits), sizes[i], 3000, false);
			run_traffic(format | combination(bits), sizes[i], 3000, true);
		}
		run_traffic(format | combination(bits), 64, 140000, bits & 1);
	}
}

static void test_split(void **state)
{
	(void)state;
	static const uint16_t sizes[] = {1, 2, 4, 32, 256, VIRTQ_SIZE_MAX};

	run_sizes(0, sizes, 6);
}

static void test_packed(void **state)
{
	(void)state;
	static const uint16_t sizes[] = {1, 2, 3, 7, 33, 100, 256, 1023, VIRTQ_SIZE_MAX};

	run_sizes(VIRTIO_BIT(VIRTIO_F_RING_PACKED), sizes, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
