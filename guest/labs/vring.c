/* SPDX-License-Identifier: MIT
 *
 * A virtio disk's ring while requests pass through it: threads read from the disk, and this one looks at the ring
 * all the time and tells each index that has moved. The disk should be a slow one.
 *
 *   vring [-n READS] [-d THREADS]
 */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "lab.h"

#define READ_BYTES 4096
#define THREADS_MAX 8
#define SIZE_UNKNOWN UINT32_MAX

/* What /proc/virtqueues says of one split ring. All but the first two run freely and wrap at 65,536. */
struct ring {
	unsigned size, free, avail, used, taken, avail_event, used_event;
};

static int disk_fd, ring_fd;
static unsigned reads_each;
static _Atomic unsigned readers_left;
static uint64_t start_ns;

static void *read_some(void *number)
{
	const unsigned first = (unsigned)(uintptr_t)number * reads_each;
	void *page = aligned_alloc(READ_BYTES, READ_BYTES);

	for (unsigned i = 0; page && i < reads_each; i++)
		if (pread(disk_fd, page, READ_BYTES, (off_t)(first + i) * READ_BYTES) != READ_BYTES)
			lab_die("reading the disk");
	free(page);
	readers_left--;
	return NULL;
}

/* The text, and in it the line of the first disk's queue; NULL: there is no split ring of a disk. */
static const char *read_ring(char *text, size_t size, struct ring *ring)
{
	const ssize_t n = pread(ring_fd, text, size - 1, 0);
	char *line;

	text[n > 0 ? n : 0] = '\0';
	line = strstr(text, " blk queue=0 ");
	if (!line || sscanf(line,
			    " blk queue=0 size=%u free=%u kicks=%*u spared=%*u interrupts=%*u "
			    "avail=%u used=%u taken=%u avail_event=%u used_event=%u",
			    &ring->size, &ring->free, &ring->avail, &ring->used, &ring->taken,
			    &ring->avail_event, &ring->used_event) != 7)
		return NULL;
	return strchr(line, '\n');
}

/* The chain of descriptors that was made available last: the last lines that are set in. */
static void print_last_chain(const char *line)
{
	const char *last = NULL;
	int length = 0;

	for (; line && line[1] == ' '; line = strchr(line + 1, '\n')) {
		if (!last)
			last = line + 1;
		length = (int)(strchr(line + 1, '\n') - last);
		if (length > 1 && last[length - 1] == '-' && strchr(line + 1, '\n')[1] == ' ') {
			last = strchr(line + 1, '\n') +
			       1; /* "next=-": a chain ends, another begins */
			length = 0;
		}
	}
	if (last)
		printf("%.*s\n", length, last);
}

static void print_step(unsigned depth, const struct ring *was, const struct ring *now)
{
	static unsigned step;
	const double ms = (double)(lab_now_ns() - start_ns) / 1e6;

	printf("%9.2f ms  avail %u%s  used %u%s  taken %u%s  free descriptors %u  avail_event %u "
	       "used_event %u\n",
	       ms, now->avail, now->avail != was->avail ? "*" : "", now->used,
	       now->used != was->used ? "*" : "", now->taken, now->taken != was->taken ? "*" : "",
	       now->free, now->avail_event, now->used_event);
	lab_row("ring",
		"step=%u depth=%u ms=%.2f avail=%u used=%u taken=%u free=%u avail_event=%u used_event=%u "
		"size=%u",
		step++, depth, ms, now->avail, now->used, now->taken, now->free, now->avail_event,
		now->used_event, now->size);
}

static void watch(unsigned depth)
{
	struct ring was = {.size = SIZE_UNKNOWN}, now = {0};
	char text[8192];

	for (bool last = false; !last;) {
		last = !readers_left;
		const char *chains = read_ring(text, sizeof(text), &now);

		if (memcmp(&was, &now, sizeof(now)) == 0)
			continue;
		print_step(depth, was.size == SIZE_UNKNOWN ? &now : &was, &now);
		if (was.size != SIZE_UNKNOWN && now.avail != was.avail)
			print_last_chain(chains);
		was = now;
	}
}

static void run(unsigned depth)
{
	pthread_t thread[THREADS_MAX];

	printf("%u request%s at a time, %u in all\n", depth, depth > 1 ? "s" : "",
	       depth * reads_each);
	readers_left = depth;
	for (unsigned i = 0; i < depth; i++)
		if (pthread_create(&thread[i], NULL, read_some, (void *)(uintptr_t)i))
			lab_die("a thread");
	watch(depth);
	for (unsigned i = 0; i < depth; i++)
		pthread_join(thread[i], NULL);
}

int main(int argc, char **argv)
{
	const unsigned depth = (unsigned)lab_option(argc, argv, 'd', 4);
	struct ring first = {0};
	char text[8192];

	reads_each = (unsigned)lab_option(argc, argv, 'n', 2);
	disk_fd = open("/dev/vda", O_RDONLY | O_DIRECT | O_CLOEXEC);
	ring_fd = open("/proc/virtqueues", O_RDONLY | O_CLOEXEC);
	if (disk_fd < 0 || ring_fd < 0 || depth > THREADS_MAX)
		lab_die("/dev/vda, /proc/virtqueues");
	if (!read_ring(text, sizeof(text), &first)) {
		printf("no split ring of a disk here\n");
		return 1;
	}
	start_ns = lab_now_ns();
	run(1);
	run(depth);
	return 0;
}
