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
#define READS_APART 7000000000 /* a slow disk's arm has a way to go */

/* What /proc/virtqueues says of one split ring. All but the first two run freely and wrap at 65,536. */
struct ring {
	unsigned size, free, avail, used, taken, avail_event, used_event;
};

static int disk_fd, ring_fd;
static off_t disk_bytes;
static unsigned reads_each;
static _Atomic unsigned readers_left;
static uint64_t start_ns;

static void *read_some(void *number)
{
	const unsigned first = (unsigned)(uintptr_t)number * reads_each;
	void *page = aligned_alloc(READ_BYTES, READ_BYTES);

	for (unsigned i = 0; page && i < reads_each; i++)
		if (pread(disk_fd, page, READ_BYTES,
			  (off_t)(first + i) * READS_APART % disk_bytes / READ_BYTES *
				  READ_BYTES) != READ_BYTES)
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
			    " blk queue=0 size=%u kicks=%*u spared=%*u interrupts=%*u free=%u "
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

static void print_index(const char *name, unsigned was, unsigned now)
{
	printf("  %s %u%s", name, now, now == was ? " " : "*");
}

static void print_step(unsigned depth, const struct ring *was, const struct ring *now)
{
	static unsigned step;
	const double ms = (double)(lab_now_ns() - start_ns) / 1e6;

	printf("%9.2f ms", ms);
	print_index("avail", was->avail, now->avail);
	print_index("used", was->used, now->used);
	print_index("taken", was->taken, now->taken);
	print_index("free descriptors", was->free, now->free);
	print_index("avail_event", was->avail_event, now->avail_event);
	print_index("used_event", was->used_event, now->used_event);
	printf("\n");
	lab_row("ring",
		"step=%u depth=%u ms=%.2f avail=%u used=%u taken=%u pending=%u held=%u free=%u "
		"avail_event=%u used_event=%u",
		step++, depth, ms, now->avail, now->used, now->taken,
		(uint16_t)(now->avail - now->taken), now->size - now->free, now->free,
		now->avail_event, now->used_event);
}

/* Until nobody reads any more, from the state `was` on. */
static void watch(unsigned depth, struct ring was)
{
	struct ring now;
	char text[8192];

	for (bool last = false; !last;) {
		last = !readers_left;
		const char *chains = read_ring(text, sizeof(text), &now);

		if (memcmp(&was, &now, sizeof(now)) == 0)
			continue;
		print_step(depth, &was, &now);
		if (now.avail != was.avail && now.avail != now.taken)
			print_last_chain(chains);
		was = now;
	}
}

static void run(unsigned depth)
{
	pthread_t thread[THREADS_MAX];
	struct ring before;
	char text[8192];

	if (!read_ring(text, sizeof(text), &before))
		lab_die("no split ring of a disk here");
	printf("%u request%s at a time, %u in all\n", depth, depth > 1 ? "s" : "",
	       depth * reads_each);
	print_step(depth, &before, &before);
	readers_left = depth;
	for (unsigned i = 0; i < depth; i++)
		if (pthread_create(&thread[i], NULL, read_some, (void *)(uintptr_t)i))
			lab_die("a thread");
	watch(depth, before);
	for (unsigned i = 0; i < depth; i++)
		pthread_join(thread[i], NULL);
}

int main(int argc, char **argv)
{
	const unsigned depth = (unsigned)lab_option(argc, argv, 'd', 4);

	reads_each = (unsigned)lab_option(argc, argv, 'n', 2);
	disk_fd = open("/dev/vda", O_RDONLY | O_DIRECT | O_CLOEXEC);
	ring_fd = open("/proc/virtqueues", O_RDONLY | O_CLOEXEC);
	if (disk_fd < 0 || ring_fd < 0 || depth > THREADS_MAX)
		lab_die("/dev/vda, /proc/virtqueues");
	disk_bytes = lseek(disk_fd, 0, SEEK_END);
	start_ns = lab_now_ns();
	run(1);
	run(depth);
	lab_row("total", "requests=%u", (1 + depth) * reads_each);
	return 0;
}
