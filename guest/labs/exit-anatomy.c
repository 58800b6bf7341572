/* SPDX-License-Identifier: MIT
 *
 * Leaves the VM once, and then a counted number of times in one way: port writes that the VMM answers. What the
 * exits looked like is in the VMM's trace; this says how long the guest was away.
 *
 *   exit-anatomy [-n EXITS]
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hyper.h"
#include "lab.h"

static struct hyper_loop run(int fd, uint32_t kind, uint64_t count)
{
	struct hyper_loop loop = {.kind = kind, .count = count};

	if (ioctl(fd, HYPER_LOOP, &loop))
		lab_die("/dev/hyper");
	return loop;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		enum hyper_kind kind;
	} ways[] = {
		{"pio-write", HYPER_PORT_WRITE},
		{"pio-read", HYPER_PORT_READ},
		{"mmio-write", HYPER_MMIO_WRITE},
		{"hypercall", HYPER_CALL},
	};
	const uint64_t count = lab_option(argc, argv, 'n', 1000);
	const int fd = open("/dev/hyper", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		lab_die("/dev/hyper");
	const struct hyper_loop empty = run(fd, HYPER_NOTHING, count);

	for (unsigned i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		const struct hyper_loop loop = run(fd, ways[i].kind, count);
		const double ns = ((double)loop.ns - (double)empty.ns) / (double)loop.done;

		printf("%-10s  %6lu exits to the VMM, the guest was away for %.0f ns each time\n",
		       ways[i].name, (unsigned long)loop.userspace, ns);
		lab_row("away", "reason=%s done=%lu userspace=%lu ns=%.0f", ways[i].name,
			(unsigned long)loop.done, (unsigned long)loop.userspace, ns);
	}
	return 0;
}
