/* SPDX-License-Identifier: MIT
 *
 * Reads from a virtio disk, one block at a time, and tells what its interrupts cost: exits of each kind, as the
 * hypervisor counts them (/proc/hyper/exits), for each request.
 *
 *   interrupts [-n READS]
 */
#include <fcntl.h>
#include <unistd.h>

#include "lab.h"

#define READ_BYTES 4096
#define DISTANCE (64 * READ_BYTES)

static const char *const kinds[] = {"userspace", "mmio-read", "ioapic-eoi", "injected", "total"};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

struct state {
	uint64_t exits[KINDS];
	unsigned interrupts; /* that the disk's driver has counted */
};

static unsigned disk_interrupts(void)
{
	FILE *file = fopen("/proc/virtqueues", "re");
	unsigned interrupts = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		const char *at = strstr(line, " blk queue=0 ") ? strstr(line, "interrupts=") : NULL;

		if (at)
			interrupts = (unsigned)strtoul(at + strlen("interrupts="), NULL, 10);
	}
	if (file)
		fclose(file);
	return interrupts;
}

static struct state look(void)
{
	struct state now = {.interrupts = disk_interrupts()};

	for (unsigned i = 0; i < KINDS; i++)
		now.exits[i] = lab_exits(kinds[i]);
	return now;
}

int main(int argc, char **argv)
{
	const uint64_t reads = lab_option(argc, argv, 'n', 200);
	const int fd = open("/dev/vda", O_RDONLY | O_DIRECT | O_CLOEXEC);
	void *page = aligned_alloc(READ_BYTES, READ_BYTES);
	struct state idle, before, after;

	if (fd < 0 || !page)
		lab_die("/dev/vda");
	idle = look();
	before = look();
	for (uint64_t i = 0; i < reads; i++)
		if (pread(fd, page, READ_BYTES, (off_t)(i * DISTANCE)) != READ_BYTES)
			lab_die("reading the disk");
	after = look();
	const double interrupts = (double)(after.interrupts - before.interrupts);

	printf("%lu reads, %.0f interrupts of the disk; for each read:\n", (unsigned long)reads,
	       interrupts);
	lab_row("interrupts", "reads=%lu interrupts=%.0f", (unsigned long)reads, interrupts);
	for (unsigned i = 0; i < KINDS; i++) {
		if (after.exits[i] == LAB_NO_VALUE)
			continue;
		/* Looking costs exits, too: what it cost between the first two looks. */
		const double count = (double)(after.exits[i] - before.exits[i]) -
				     (double)(before.exits[i] - idle.exits[i]);
		const double each = count / (double)reads;

		printf("  %-12s %6.2f\n", kinds[i], each);
		lab_row("exits", "kind=%s each=%.2f", kinds[i], each);
	}
	return 0;
}
