/* SPDX-License-Identifier: MIT
 *
 * Each way out of a VM and back, as often as asked for: time and exits of one, and what batching saves. The kernel
 * runs the loops (/dev/hyper), since a user program can't leave the VM on purpose.
 *
 *   hypercall-costs [-n CALLS]
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hyper.h"
#include "lab.h"

#define ROUNDS 60 /* short ones: one of them has the processor for itself */

static int hyper_fd;

/* The fastest of some rounds. false: this machine hasn't it. */
static bool measure(uint32_t kind, uint32_t batch, uint64_t count, struct hyper_loop *best)
{
	best->ns = UINT64_MAX;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct hyper_loop loop = {.kind = kind, .batch = batch, .count = count};

		if (ioctl(hyper_fd, HYPER_LOOP, &loop)) {
			if (errno != ENODEV)
				lab_die("/dev/hyper");
			return false;
		}
		if (loop.ns < best->ns)
			*best = loop;
	}
	return true;
}

static void measure_ways(uint64_t count)
{
	static const struct {
		const char *name, *who;
		enum hyper_kind kind;
	} ways[] = {
		{"nothing", "guest", HYPER_NOTHING},	 {"cpuid", "KVM", HYPER_CPUID},
		{"lapic-read", "KVM", HYPER_LAPIC_READ}, {"kvm-hypercall", "KVM", HYPER_KVM_CALL},
		{"doorbell", "KVM", HYPER_DOORBELL},	 {"hypercall", "VMM", HYPER_CALL},
		{"port-write", "VMM", HYPER_PORT_WRITE}, {"port-read", "VMM", HYPER_PORT_READ},
		{"mmio-write", "VMM", HYPER_MMIO_WRITE}, {"mmio-read", "VMM", HYPER_MMIO_READ},
	};
	struct hyper_loop loop;

	printf("%-14s %-5s %12s %8s %10s\n", "way out", "by", "ns", "exits", "to the VMM");
	for (unsigned i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (!measure(ways[i].kind, 0, count, &loop)) {
			printf("%-14s not on this machine\n", ways[i].name);
			continue;
		}
		const double done = (double)loop.done;
		const double ns = (double)loop.ns / done, exits = (double)loop.exits / done;
		const double userspace = (double)loop.userspace / done;

		printf("%-14s %-5s %12.0f %8.2f %10.2f\n", ways[i].name, ways[i].who, ns, exits,
		       userspace);
		lab_row("way", "way=%s by=%s ns=%.0f exits=%.2f userspace=%.2f", ways[i].name,
			ways[i].who, ns, exits, userspace);
	}
}

static void measure_batches(uint64_t count)
{
	struct hyper_loop loop;

	printf("\n%-14s %12s %10s\n", "calls a batch", "ns a call", "exits a call");
	for (uint32_t batch = 1; batch <= HYPER_BATCH_MAX; batch *= 2) {
		/* whole batches only */
		if (!measure(HYPER_BATCH, batch, count / batch * batch + (count < batch) * batch,
			     &loop))
			return;
		const double ns = (double)loop.ns / (double)loop.done;
		const double exits = (double)loop.userspace / (double)loop.done;

		printf("%-14u %12.0f %10.4f\n", batch, ns, exits);
		lab_row("batch", "batch=%u ns=%.0f userspace=%.4f", batch, ns, exits);
	}
}

int main(int argc, char **argv)
{
	const uint64_t count = lab_option(argc, argv, 'n', 64);

	hyper_fd = open("/dev/hyper", O_RDWR | O_CLOEXEC);
	if (hyper_fd < 0)
		lab_die("/dev/hyper");
	measure_ways(count);
	measure_batches(count);
	return 0;
}
