/* SPDX-License-Identifier: MIT
 *
 * diskbench DEVICE NAME read|write random|sequential BLOCK_BYTES DEPTH COUNT — in the guest:
 * transfers COUNT blocks past the page cache (O_DIRECT), DEPTH of them at a time by Linux' native
 * asynchronous I/O, and prints "@@ NAME-begin" and "@@ NAME-end" around them for meter. COUNT 0
 * shows what the marks themselves cost.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEPTH_MAX = 256, SETTLE_US = 50000, HUGE_BYTES = 2 << 20 };

struct work {
	int fd;
	aio_context_t context;
	int is_write, is_random;
	uint64_t block_bytes, block_count; /* of the device */
	uint64_t to_submit, to_complete;
	uint64_t next, random;
	struct iocb control[DEPTH_MAX];
};

/* Marsaglia's xorshift64: the same blocks in every run. */
static uint64_t next_block(struct work *work)
{
	if (!work->is_random)
		return work->next++ % work->block_count;
	work->random ^= work->random << 13;
	work->random ^= work->random >> 7;
	work->random ^= work->random << 17;
	return work->random % work->block_count;
}

static void submit(struct work *work, struct iocb *control)
{
	if (work->to_submit == 0)
		return;
	work->to_submit--;
	control->aio_offset = next_block(work) * work->block_bytes;
	if (syscall(SYS_io_submit, work->context, 1L, &control) != 1)
		err(1, "io_submit");
}

/* Waits for at least one; each makes room for a new one. */
static void reap(struct work *work)
{
	struct io_event event[DEPTH_MAX];
	long count = syscall(SYS_io_getevents, work->context, 1L, (long)DEPTH_MAX, event, NULL);

	if (count < 1)
		err(1, "io_getevents");
	for (long i = 0; i < count; i++) {
		if (event[i].res != (int64_t)work->block_bytes)
			errx(1, "a transfer ended with %lld", (long long)event[i].res);
		submit(work, (struct iocb *)(uintptr_t)event[i].data);
	}
	work->to_complete -= count;
}

static void prepare(struct work *work, struct iocb *control)
{
	/* On 2 MiB: a large block is one huge page's, hence one segment, in every run. */
	size_t alignment = work->block_bytes < HUGE_BYTES / 2 ? 4096 : HUGE_BYTES;
	void *buffer = aligned_alloc(alignment, (work->block_bytes + alignment - 1) & -alignment);

	if (!buffer)
		err(1, "memory");
	memset(buffer, 0x5a, work->block_bytes); /* there before anything is measured */
	control->aio_fildes = work->fd;
	control->aio_lio_opcode = work->is_write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
	control->aio_buf = (uintptr_t)buffer;
	control->aio_nbytes = work->block_bytes;
	control->aio_data = (uintptr_t)control;
}

static void open_device(struct work *work, const char *path)
{
	uint64_t size_bytes;

	work->fd = open(path, (work->is_write ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	if (work->fd < 0 || ioctl(work->fd, BLKGETSIZE64, &size_bytes))
		err(1, "%s", path);
	work->block_count = size_bytes / work->block_bytes;
	if (work->block_count == 0)
		errx(1, "%s is smaller than a block", path);
	if (syscall(SYS_io_setup, (long)DEPTH_MAX, &work->context))
		err(1, "io_setup");
}

static void say(const char *name, const char *end)
{
	printf("@@ %s-%s\n", name, end);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static struct work work = {.random = 88172645463325252};
	int depth;

	if (argc != 8)
		errx(2,
		     "usage: diskbench DEVICE NAME read|write random|sequential BYTES DEPTH COUNT");
	work.is_write = strcmp(argv[3], "write") == 0;
	work.is_random = strcmp(argv[4], "random") == 0;
	work.block_bytes = strtoull(argv[5], NULL, 10);
	depth = atoi(argv[6]);
	work.to_submit = work.to_complete = strtoull(argv[7], NULL, 10);
	if (work.block_bytes == 0 || work.block_bytes % 512 || depth < 1 || depth > DEPTH_MAX)
		errx(2, "bytes: a multiple of 512; depth: 1 to %d", DEPTH_MAX);
	open_device(&work, argv[1]);
	for (int i = 0; i < depth; i++)
		prepare(&work, &work.control[i]);
	say(argv[2], "begin");
	usleep(SETTLE_US);
	for (int i = 0; i < depth; i++)
		submit(&work, &work.control[i]);
	while (work.to_complete > 0)
		reap(&work);
	say(argv[2], "end");
	usleep(SETTLE_US);
	return 0;
}
