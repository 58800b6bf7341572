/* SPDX-License-Identifier: MIT
 *
 * The one barrier that a vring can't do without: a driver and a device, a thread each, with the two words that
 * decide about kicks (virtio 1.2 §2.7.10 and §2.7.13.4, EVENT_IDX). Without it a request is now and then forgotten: it
 * is in the ring, nobody kicks, and the device sleeps.
 *
 *   vring-barrier [-n REQUESTS] [-s SECONDS at most for each half]
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "lab-cpu.h"

#define LOOK_REQUESTS 4096 /* between two looks at the clock */
#define DRIVER_LATE \
	64 /* turns that a side may be late, so that all orders come up; a device works on */
#define DEVICE_LATE 512 /* what it has got, while the driver already makes the next one available */

static struct {
	volatile uint32_t value;
} __attribute__((aligned(128))) avail_idx, /* driver: so many requests are in the ring */
	avail_event,			   /* device: kick me when avail_idx goes beyond this */
	used_idx,			   /* device: so many are done */
	kick,				   /* driver to device: an ioeventfd, as it were */
	decided; /* driver: has decided about the kick of so many requests */

static volatile uint32_t requests; /* the driver may end it earlier */
static uint64_t limit_ns;
static bool with_fence;

static struct {
	uint64_t kicks, found, forgotten;
} counts;

static void barrier(void)
{
	if (with_fence)
		__asm__ volatile("lock orl $0, -4(%%rsp)" ::: "memory", "cc");
	else
		__asm__ volatile(
			"" ::
				: "memory"); /* the compiler keeps the order; the processor needn't */
}

static void be_late(uint32_t *random, uint32_t turns)
{
	*random = *random * 1664525 + 1013904223;
	lab_spin((*random >> 16) % turns);
}

static void *driver(void *argument)
{
	uint32_t random = 1;

	(void)argument;
	lab_pin(0);
	for (uint32_t n = 1; n <= requests; n++) {
		while (used_idx.value != n - 1)
			;
		if (n % LOOK_REQUESTS == 0 && lab_now_ns() > limit_ns)
			requests = n; /* before it is made available: the device will know */
		be_late(&random, DRIVER_LATE);
		avail_idx.value = n;
		barrier();
		if (avail_event.value == n - 1) {
			kick.value = 1;
			counts.kicks++;
		}
		decided.value = n;
	}
	return NULL;
}

/* Returns at a kick. A request that nobody will kick for any more would stay here forever: counted instead. */
static void sleep_until_kicked(uint32_t done)
{
	while (!kick.value)
		if (decided.value > done && !kick.value) {
			counts.forgotten++;
			return;
		}
	__atomic_exchange_n(&kick.value, 0,
			    __ATOMIC_SEQ_CST); /* a kick that comes after it stays */
}

static void device(void)
{
	uint32_t done = 0, random = 2;

	while (done < requests) {
		while (avail_idx.value != done)
			used_idx.value = ++done;
		be_late(&random, DEVICE_LATE);
		if (done == requests)
			break;
		avail_event.value = done;
		barrier();
		if (avail_idx.value != done) {
			counts.found++;
			continue;
		}
		sleep_until_kicked(done);
	}
}

static void run(bool fence, uint32_t count, uint64_t seconds)
{
	pthread_t thread;

	with_fence = fence;
	requests = count;
	limit_ns = lab_now_ns() + seconds * LAB_NS_PER_S;
	avail_idx.value = used_idx.value = kick.value = decided.value = 0;
	avail_event.value = UINT32_MAX;
	memset(&counts, 0, sizeof(counts));
	if (pthread_create(&thread, NULL, driver, NULL))
		lab_die("pthread_create");
	lab_pin(1);
	device();
	pthread_join(thread, NULL);
	printf("%-7s %u requests: %lu kicks, %lu found at the second look, %lu FORGOTTEN\n",
	       fence ? "fence:" : "none:", requests, counts.kicks, counts.found, counts.forgotten);
	lab_row("ring", "barrier=%s requests=%u kicks=%lu found=%lu forgotten=%lu",
		fence ? "fence" : "none", requests, counts.kicks, counts.found, counts.forgotten);
}

int main(int argc, char **argv)
{
	const uint32_t count = (uint32_t)lab_option(argc, argv, 'n', 1000000);
	const uint64_t seconds = lab_option(argc, argv, 's', 8);

	lab_row("processor", "emulated=%d", lab_cpu_is_emulated());
	if (lab_cpus() < 2) {
		printf("needs two CPUs: one sees its own stores in order\n");
		return 0;
	}
	run(false, count, seconds);
	run(true, count, seconds);
	return 0;
}
