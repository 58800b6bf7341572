/* SPDX-License-Identifier: MIT
 *
 * Devices that are nothing but memory: null, zero, full, random, urandom.
 */
#include "guest/fs/device.h"
#include "guest/fs/iobuf.h"
#include "guest/fs/random.h"
#include "guest/fs/vfs.h"
#include "guest/proc/signal.h"

#define MEMORY_MAJOR 1

static int64_t read_null(struct file *file, struct iobuf *to, uint64_t *position)
{
	(void)file, (void)to, (void)position;
	return 0;
}

static int64_t write_null(struct file *file, struct iobuf *from, uint64_t *position)
{
	const size_t bytes = from->left;

	(void)file, (void)position;
	from->left = 0;
	return (int64_t)bytes;
}

static int64_t read_zero(struct file *file, struct iobuf *to, uint64_t *position)
{
	(void)file, (void)position;
	return iobuf_put_zeroes(to, to->left);
}

static int64_t write_full(struct file *file, struct iobuf *from, uint64_t *position)
{
	(void)file, (void)from, (void)position;
	return -ENOSPC;
}

static int64_t read_random(struct file *file, struct iobuf *to, uint64_t *position)
{
	uint8_t block[256];
	int64_t total = 0;

	(void)file, (void)position;
	while (to->left && !(total && signal_is_pending())) {
		const size_t bytes = to->left < sizeof(block) ? to->left : sizeof(block);
		int64_t done;

		random_bytes(block, bytes);
		done = iobuf_put(to, block, bytes);
		if (done < 0)
			return total ? total : done;
		total += done;
	}
	return total;
}

static int64_t write_random(struct file *file, struct iobuf *from, uint64_t *position)
{
	uint8_t block[256];
	int64_t total = 0, done;

	(void)file, (void)position;
	while (from->left && !(total && signal_is_pending())) {
		done = iobuf_take(from, block, sizeof(block));
		if (done < 0)
			return total ? total : done;
		random_mix(block, (size_t)done);
		total += done;
	}
	return total;
}

static int64_t seek_nowhere(struct file *file, int64_t offset, int whence)
{
	(void)file, (void)offset, (void)whence;
	return 0;
}

void memory_devices_register(void)
{
	static const struct file_operations null = {
		.read = read_null, .write = write_null, .seek = seek_nowhere};
	static const struct file_operations zero = {
		.read = read_zero, .write = write_null, .seek = seek_nowhere};
	static const struct file_operations full = {
		.read = read_zero, .write = write_full, .seek = seek_nowhere};
	static const struct file_operations random = {
		.read = read_random, .write = write_random, .seek = seek_nowhere};
	static const struct {
		unsigned minor;
		const char *name;
		const struct file_operations *operations;
	} all[] = {{3, "null", &null},
		   {5, "zero", &zero},
		   {7, "full", &full},
		   {8, "random", &random},
		   {9, "urandom", &random}};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		device_register(S_IFCHR, MEMORY_MAJOR, all[i].minor, all[i].name, 0666,
				all[i].operations, NULL);
}
