/* SPDX-License-Identifier: MIT
 *
 * A driver and a device in two threads, each waiting for the other's bell whenever it has nothing to do: the
 * barriers of both notification directions, and the visibility of what is behind an index. Short random
 * delays see to it that going to sleep and new work meet often. A lost kick or interrupt shows as a wait
 * that nobody ends. Under TSan it also shows what is not ordered at all:
 *
 *     make B=build/tsan SANFLAGS=-fsanitize=thread build/tsan/tests/unit/test_virtq_threads
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "virtq_driver.h"

#define QUEUE_SIZE 16
#define CHAINS 10000
#define LOST_SECONDS 20
#define SPINS_TO_SLEEP 2000
#define DELAY_MAX 256
#define BATCH_MAX 5

struct world {
	struct driver d;
	struct virtq *q;
	sem_t kick, interrupt;
	bool device_failed;
};

/* Spins for a while, then sleeps: the other thread may have no CPU of its own. */
static bool wait_for(sem_t *bell)
{
	struct timespec until;
	int err = -1;

	for (unsigned spins = 0; err && spins < SPINS_TO_SLEEP; spins++)
		err = sem_trywait(bell);
	if (!err)
		return true;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LOST_SECONDS;
	while ((err = sem_timedwait(bell, &until)) && errno == EINTR)
		;
	return !err;
}

static void delay(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	for (unsigned i = (*seed >> 16) % DELAY_MAX; i; i--)
		atomic_signal_fence(memory_order_seq_cst);
}

/* --- the device: adds one to each number that it is given -------------------------------------- */

static bool serve(struct world *w, struct virtq_chain *chain)
{
	uint64_t value;

	if (virtq_chain_read(chain, 0, &value, sizeof(value)) != sizeof(value))
		return false;
	value++;
	if (virtq_chain_write(chain, 0, &value, sizeof(value)) != sizeof(value))
		return false;
	virtq_push(w->q, chain, sizeof(value));
	return true;
}

/* Pops up to a batch, pushes in opposite order. Returns how many; -1: wrong. */
static int serve_batch(struct world *w, unsigned batch)
{
	struct virtq_chain chain[BATCH_MAX];
	struct iovec iov[BATCH_MAX][2];
	unsigned count = 0;

	while (count < batch) {
		chain[count] = (struct virtq_chain){.iov = iov[count], .iov_max = 2};

		int popped = virtq_pop(w->q, &chain[count]);

		if (popped < 0)
			return -1;
		if (!popped)
			break;
		count++;
	}
	for (unsigned i = count; i-- > 0;)
		if (!serve(w, &chain[i]))
			return -1;
	if (virtq_publish(w->q))
		sem_post(&w->interrupt);
	return (int)count;
}

static void *device_thread(void *ctx)
{
	struct world *w = ctx;
	unsigned served = 0, round = 0;
	uint32_t seed = 1;

	while (served < CHAINS) {
		int count = serve_batch(w, 1 + round++ % BATCH_MAX);

		if (count < 0)
			break;
		served += (unsigned)count;
		delay(&seed);
		if (count || virtq_enable_kicks(w->q))
			continue;
		if (served < CHAINS && !wait_for(&w->kick))
			break;
		virtq_disable_kicks(w->q);
		delay(&seed);
	}
	w->device_failed = served < CHAINS;
	return NULL;
}

/* --- the driver -------------------------------------------------------------------------------- */

static uint64_t *number_of(struct world *w, uint64_t cookie, bool answer)
{
	return driver_hva(&w->d, DRIVER_DATA_GPA + cookie % 1024 * 64 + answer * 8);
}

static bool send_number(struct world *w, uint64_t cookie, bool indirect)
{
	uint64_t gpa = DRIVER_DATA_GPA + cookie % 1024 * 64;
	const struct driver_buffer buffer[] = {{gpa, 8, false}, {gpa + 8, 8, true}};

	*number_of(w, cookie, false) = cookie * 3;
	*number_of(w, cookie, true) = 0;
	return driver_add(&w->d, buffer, 2, indirect, cookie);
}

static unsigned send_some(struct world *w, unsigned sent, unsigned most)
{
	bool indirect = driver_has(&w->d, VIRTIO_F_INDIRECT_DESC);

	while (most-- && sent < CHAINS && send_number(w, sent, indirect && sent % 3))
		sent++;
	if (driver_show(&w->d))
		sem_post(&w->kick);
	return sent;
}

static unsigned take_all(struct world *w)
{
	unsigned taken = 0;
	uint64_t cookie;
	uint32_t written;

	for (; driver_take(&w->d, &cookie, &written); taken++) {
		assert_int_equal(written, 8);
		assert_int_equal(*number_of(w, cookie, true), cookie * 3 + 1);
	}
	return taken;
}

/* In turns: one after the other as long as there is room, and each only when the last one came back (then
 * no later kick makes good for a lost one). */
static bool may_send_more(const struct world *w, unsigned sent)
{
	uint16_t wanted = sent & 0x40 ? QUEUE_SIZE : QUEUE_SIZE / 2;

	return sent < CHAINS && w->d.free_slots >= wanted;
}

static void drive(struct world *w)
{
	unsigned sent = 0, taken = 0;
	uint32_t seed = 2;

	while (taken < CHAINS) {
		delay(&seed);
		sent = send_some(w, sent, sent & 0x40 ? 1 : 1 + sent % 7);
		driver_disable_interrupts(&w->d);
		delay(&seed);
		taken += take_all(w);
		if (taken == CHAINS || may_send_more(w, sent))
			continue;
		if (!driver_enable_interrupts(&w->d, 0) && !wait_for(&w->interrupt))
			fail_msg("no interrupt: %u sent, %u came back", sent, taken);
	}
}

static void run_threads(uint64_t features)
{
	struct world *w = calloc(1, sizeof(*w));
	pthread_t device;

	assert_non_null(w);
	driver_create(&w->d, features, QUEUE_SIZE);
	sem_init(&w->kick, 0, 0);
	sem_init(&w->interrupt, 0, 0);
	assert_int_equal(virtq_create(&w->d.mem, QUEUE_SIZE, &w->q), 0);
	assert_int_equal(virtq_start(w->q, &w->d.config, features, 2), 0);
	assert_int_equal(pthread_create(&device, NULL, device_thread, w), 0);
	drive(w);
	pthread_join(device, NULL);
	assert_false(w->device_failed);
	assert_int_equal(virtq_counters(w->q)->requests, CHAINS);
	virtq_destroy(w->q);
	driver_destroy(&w->d);
	free(w);
}

static void run_format(uint64_t format)
{
	for (unsigned bits = 0; bits < 8; bits++)
		run_threads(format | (bits & 1 ? VIRTIO_BIT(VIRTIO_F_EVENT_IDX) : 0) |
			    (bits & 2 ? VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) : 0) |
			    (bits & 4 ? VIRTIO_BIT(VIRTIO_F_IN_ORDER) : 0));
}

static void test_split(void **state)
{
	(void)state;
	run_format(0);
}

static void test_packed(void **state)
{
	(void)state;
	run_format(VIRTIO_BIT(VIRTIO_F_RING_PACKED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
