/* SPDX-License-Identifier: MIT
 *
 * What a virtqueue costs the device: instructions from virtq_pop() to virtq_publish(), a chain. Counted by
 * stepping a child process through them one by one, so the figures are exact and the same on any
 * machine:
 *
 *     make bench-queue
 */
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/virtq_driver.h"

#define QUEUE_SIZE 256
#define BATCH_MAX 16
#define WARM_UP 3 /* rounds before the one that counts: lazy binding, first touches */

struct shape {
	const char *what;
	unsigned count;
	struct driver_buffer buffer[3];
};

static const struct shape shapes[] = {
	{"one buffer", 1, {{DRIVER_DATA_GPA, 1500, true}}},
	{"header, data, status",
	 3,
	 {{DRIVER_DATA_GPA, 16, false},
	  {DRIVER_DATA_GPA + 0x1000, 4096, true},
	  {DRIVER_DATA_GPA + 0x2000, 1, true}}},
};

struct ring {
	const char *what;
	uint64_t features;
	bool is_indirect;
};

#define EVENT_IDX VIRTIO_BIT(VIRTIO_F_EVENT_IDX)
#define INDIRECT VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)
#define PACKED VIRTIO_BIT(VIRTIO_F_RING_PACKED)
#define IN_ORDER VIRTIO_BIT(VIRTIO_F_IN_ORDER)

static const struct ring rings[] = {
	{"split", EVENT_IDX, false},
	{"split, indirect", EVENT_IDX | INDIRECT, true},
	{"split, in order", EVENT_IDX | IN_ORDER, false},
	{"packed", EVENT_IDX | PACKED, false},
	{"packed, indirect", EVENT_IDX | PACKED | INDIRECT, true},
	{"packed, in order", EVENT_IDX | PACKED | IN_ORDER, false},
};

static __attribute__((noinline)) void serve(struct virtq *q, struct virtq_chain *chain,
					    unsigned batch)
{
	for (unsigned i = 0; i < batch; i++)
		if (virtq_pop(q, &chain[i]) != 1)
			abort();
	for (unsigned i = 0; i < batch; i++)
		virtq_push(q, &chain[i], chain[i].in_bytes);
	virtq_publish(q);
}

/* The child: everything, with a stop before and after what is to be counted. */
static void work(const struct ring *ring, const struct shape *shape, unsigned batch)
{
	static struct driver d;
	static struct iovec iov[BATCH_MAX][3];
	struct virtq_chain chain[BATCH_MAX];
	struct virtq *q;
	uint64_t cookie;
	uint32_t written;

	driver_create(&d, ring->features, QUEUE_SIZE);
	if (virtq_create(&d.mem, QUEUE_SIZE, &q) || virtq_start(q, &d.config, ring->features, 3))
		abort();
	virtq_disable_kicks(q);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	for (unsigned round = 0; round <= WARM_UP; round++) {
		for (unsigned i = 0; i < batch; i++) {
			chain[i] = (struct virtq_chain){.iov = iov[i], .iov_max = 3};
			driver_add(&d, shape->buffer, shape->count, ring->is_indirect, i);
		}
		driver_show(&d);
		if (round == WARM_UP)
			raise(SIGSTOP);
		serve(q, chain, batch);
		if (round == WARM_UP)
			raise(SIGSTOP);
		while (driver_take(&d, &cookie, &written))
			;
	}
	_exit(0);
}

/* Steps until the child's next own stop. */
static unsigned long count_steps(pid_t child)
{
	unsigned long steps = 0;
	int status;

	waitpid(child, &status, 0); /* the first stop */
	for (;;) {
		ptrace(PTRACE_SINGLESTEP, child, NULL, NULL);
		if (waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status))
			return 0;
		if (WSTOPSIG(status) == SIGSTOP)
			return steps;
		steps++;
	}
}

static unsigned long count(const struct ring *ring, const struct shape *shape, unsigned batch)
{
	pid_t child = fork();
	unsigned long steps;

	if (child < 0)
		return 0;
	if (!child)
		work(ring, shape, batch);
	steps = count_steps(child);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return steps;
}

/* What raise() and the calls of serve() themselves take is measured with a batch of none. */
static double per_chain(const struct ring *ring, const struct shape *shape, unsigned batch)
{
	unsigned long all = count(ring, shape, batch), none = count(ring, shape, 0);

	return all > none ? (double)(all - none) / batch : 0;
}

int main(void)
{
	printf("instructions a chain: pop, push, publish, and the loop around them\n");
	printf("%-18s %-22s %9s %12s\n", "ring", "chain", "one", "sixteen");
	for (size_t r = 0; r < sizeof(rings) / sizeof(*rings); r++)
		for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); s++)
			printf("%-18s %-22s %9.0f %12.0f\n", rings[r].what, shapes[s].what,
			       per_chain(&rings[r], &shapes[s], 1),
			       per_chain(&rings[r], &shapes[s], BATCH_MAX));
	return 0;
}
