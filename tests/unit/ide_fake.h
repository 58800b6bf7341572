/* SPDX-License-Identifier: MIT
 *
 * What stands around the IDE controller in its tests and its fuzzer: images in memory whose requests are done
 * at once or when told, the controller's thread, which runs when told, guest RAM, and the cable's other end:
 * a host that writes registers. To be included once, behind dev_fake.h.
 */
#ifndef VITRINE_TESTS_IDE_FAKE_H
#define VITRINE_TESTS_IDE_FAKE_H

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/block.h"
#include "bus/pci.h"
#include "bus/wiring.h"
#include "dev/ide.h"
#include "dev_fake.h"
#include "kvm/gmem.h"
#include "loop/loop.h"
#include "loop/loop_thread.h"
#include "ports.h"

#define FAKE_RAM_BYTES 0x100000

/* --- images ------------------------------------------------------------------------------------ */

struct block {
	uint8_t *data;
	struct block_info info;
	bool delayed; /* requests wait for fake_complete() */
	int error;    /* of all reads and writes from now on */
	unsigned reads, writes, flushes;
	struct block_queue *queue;
};

struct block_queue {
	struct block *block;
	pthread_mutex_t *lock;
	struct block_request *waiting; /* the controller has one at a time */
};

static inline struct block *fake_block(uint64_t size_bytes)
{
	struct block *block = calloc(1, sizeof(*block));

	/* Pages that nobody looks at take no memory: disks may be larger than RAM. */
	block->data = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	block->info = (struct block_info){.name = "fake",
					  .size_bytes = size_bytes,
					  .physical_sector_bytes = 4096,
					  .volatile_cache = true};
	return block;
}

static inline void fake_block_free(struct block *block)
{
	munmap(block->data, block->info.size_bytes);
	free(block);
}

struct block_info block_get_info(const struct block *block)
{
	return block->info;
}

int block_queue_create(struct block *block, struct loop *loop, pthread_mutex_t *lock,
		       struct block_queue **out)
{
	(void)loop;
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	**out = (struct block_queue){.block = block, .lock = lock};
	block->queue = *out;
	return 0;
}

int block_queue_listen(struct block_queue *queue)
{
	(void)queue;
	return 0;
}

void block_queue_destroy(struct block_queue *queue)
{
	if (queue && queue->waiting)
		abort(); /* somebody did not drain */
	free(queue);
}

static inline void fake_copy(struct block *block, const struct block_request *request)
{
	uint64_t at = request->offset_bytes;

	for (unsigned i = 0; i < request->iov_count; i++) {
		const struct iovec *iov = &request->iov[i];

		if (request->op == BLOCK_READ)
			memcpy(iov->iov_base, block->data + at, iov->iov_len);
		else
			memcpy(block->data + at, iov->iov_base, iov->iov_len);
		at += iov->iov_len;
	}
	if (at != request->offset_bytes + request->len_bytes)
		abort(); /* the pieces don't add up */
}

static inline void fake_finish(struct block_queue *queue, struct block_request *request)
{
	struct block *block = queue->block;

	block->reads += request->op == BLOCK_READ;
	block->writes += request->op == BLOCK_WRITE;
	block->flushes += request->op == BLOCK_FLUSH;
	if (!block->error && request->op != BLOCK_FLUSH)
		fake_copy(block, request);
	request->done(request, block->error);
}

void block_submit(struct block_queue *queue, struct block_request *request)
{
	if (request->op != BLOCK_FLUSH &&
	    (request->len_bytes == 0 || request->len_bytes % 512 || request->offset_bytes % 512 ||
	     request->offset_bytes >= queue->block->info.size_bytes ||
	     request->len_bytes > queue->block->info.size_bytes - request->offset_bytes ||
	     queue->waiting))
		abort(); /* the contract of block.h */
	if (queue->block->delayed)
		queue->waiting = request;
	else
		fake_finish(queue, request);
}

void block_flush_batch(struct block_queue *queue)
{
	(void)queue;
}

void block_drain(struct block_queue *queue)
{
	struct block_request *request = queue->waiting;

	queue->waiting = NULL;
	if (request)
		fake_finish(queue, request);
}

/* The back end is done, in the controller's thread. False: there was nothing to do. */
static inline bool fake_complete(struct block *block)
{
	if (!block->queue->waiting)
		return false;
	pthread_mutex_lock(block->queue->lock);
	block_drain(block->queue);
	pthread_mutex_unlock(block->queue->lock);
	return true;
}

/* --- the controller's thread -------------------------------------------------------------------- */

#define FAKE_FD_MAX 8

static struct {
	int fd;
	loop_fd_fn *fn;
	void *ctx;
} fake_fd[FAKE_FD_MAX];
static unsigned fake_fd_count;

struct loop_thread {
	bool started;
};

int loop_thread_create(const char *name, struct loop_thread **out)
{
	(void)name;
	fake_fd_count = 0;
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

int loop_thread_start(struct loop_thread *thread)
{
	thread->started = true;
	return 0;
}

void loop_thread_stop(struct loop_thread *thread)
{
	thread->started = false;
}

struct loop *loop_thread_loop(struct loop_thread *thread)
{
	(void)thread;
	return fake_loop();
}

void loop_thread_destroy(struct loop_thread *thread)
{
	free(thread);
}

int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *ctx)
{
	(void)loop;
	(void)events;
	fake_fd[fake_fd_count].fd = fd;
	fake_fd[fake_fd_count].fn = fn;
	fake_fd[fake_fd_count++].ctx = ctx;
	return 0;
}

/* One turn of the loop: true if something had rung. */
static inline bool fake_turn(void)
{
	bool any = false;

	for (unsigned i = 0; i < fake_fd_count; i++) {
		struct pollfd poll_fd = {.fd = fake_fd[i].fd, .events = POLLIN};

		if (poll(&poll_fd, 1, 0) == 1) {
			fake_fd[i].fn(fake_fd[i].ctx, EPOLLIN);
			any = true;
		}
	}
	return any;
}

static inline void fake_run(void)
{
	for (unsigned i = 0; i < 100000 && fake_turn(); i++)
		;
}

/* --- short cuts --------------------------------------------------------------------------------- */

#define FAKE_DOORBELLS 8
#define FAKE_ZONES 8
#define FAKE_LATE_MAX 170 /* as KVM's ring */

/* Accesses by port; what KVM would keep back is kept back here. */
static struct {
	struct device *dev;
	struct {
		uint64_t port, value;
		int fd;
	} doorbell[FAKE_DOORBELLS];
	struct {
		uint16_t port;
		unsigned count;
	} zone[FAKE_ZONES];
	struct {
		uint16_t port;
		unsigned width;
		uint64_t value;
	} late[FAKE_LATE_MAX];
	unsigned late_count;
} fake_kvm;

static inline int fake_add_doorbell(void *kvm, enum bus_space space, uint64_t addr, unsigned width,
				    uint64_t value, int fd)
{
	(void)kvm;
	if (space != BUS_PIO || width != 1)
		abort();
	for (unsigned i = 0; i < FAKE_DOORBELLS; i++)
		if (!fake_kvm.doorbell[i].port) {
			fake_kvm.doorbell[i].port = addr;
			fake_kvm.doorbell[i].value = value;
			fake_kvm.doorbell[i].fd = fd;
			return 0;
		}
	abort();
}

static inline int fake_remove_doorbell(void *kvm, enum bus_space space, uint64_t addr,
				       unsigned width, uint64_t value, int fd)
{
	(void)kvm;
	(void)space;
	(void)width;
	for (unsigned i = 0; i < FAKE_DOORBELLS; i++)
		if (fake_kvm.doorbell[i].port == addr && fake_kvm.doorbell[i].value == value &&
		    fake_kvm.doorbell[i].fd == fd) {
			fake_kvm.doorbell[i].port = 0;
			return 0;
		}
	abort();
}

static inline int fake_irqfd(void *kvm, unsigned gsi, int fd)
{
	(void)kvm;
	(void)fd;
	return gsi == IRQ_IDE_0 || gsi == IRQ_IDE_1 ? 0 : -EINVAL;
}

static inline int fake_add_deferred(void *kvm, uint16_t port, unsigned count)
{
	(void)kvm;
	for (unsigned i = 0; i < FAKE_ZONES; i++)
		if (!fake_kvm.zone[i].count) {
			fake_kvm.zone[i].port = port;
			fake_kvm.zone[i].count = count;
			return 0;
		}
	abort();
}

static inline int fake_remove_deferred(void *kvm, uint16_t port, unsigned count)
{
	(void)kvm;
	for (unsigned i = 0; i < FAKE_ZONES; i++)
		if (fake_kvm.zone[i].port == port && fake_kvm.zone[i].count == count) {
			fake_kvm.zone[i].count = 0;
			return 0;
		}
	abort();
}

/* Which window and offset a port of the controller is. False: none. */
static inline bool fake_decode(uint16_t port, unsigned *region, uint64_t *offset)
{
	static const uint16_t fixed[] = {PORT_IDE_COMMAND_0, PORT_IDE_CONTROL_0, PORT_IDE_COMMAND_1,
					 PORT_IDE_CONTROL_1};
	uint64_t base = ((struct pci_function *)fake_kvm.dev)->bar[IDE_BAR_BUS_MASTER].base;

	for (unsigned i = 0; i < 4; i++)
		if (port >= fixed[i] && port < fixed[i] + (i % 2 ? 1 : 8)) {
			*region = PCI_FIXED_WINDOW + i;
			*offset = port - fixed[i];
			return true;
		}
	*region = IDE_BAR_BUS_MASTER;
	*offset = port - base;
	return base && *offset < 16;
}

static inline void fake_flush_deferred(void *kvm)
{
	unsigned region;
	uint64_t offset;

	(void)kvm;
	for (unsigned i = 0; i < fake_kvm.late_count; i++)
		if (fake_decode(fake_kvm.late[i].port, &region, &offset))
			dev_write_wide(fake_kvm.dev, region, offset, fake_kvm.late[i].width,
				       fake_kvm.late[i].value);
	fake_kvm.late_count = 0;
}

static const struct wiring fake_wiring = {.add_doorbell = fake_add_doorbell,
					  .remove_doorbell = fake_remove_doorbell,
					  .add_irqfd = fake_irqfd,
					  .remove_irqfd = fake_irqfd,
					  .add_deferred = fake_add_deferred,
					  .remove_deferred = fake_remove_deferred,
					  .flush_deferred = fake_flush_deferred};

static inline bool fake_keeps_back(uint16_t port, unsigned width)
{
	for (unsigned i = 0; i < FAKE_ZONES; i++)
		if (port >= fake_kvm.zone[i].port &&
		    port + width <= fake_kvm.zone[i].port + fake_kvm.zone[i].count)
			return fake_kvm.late_count < FAKE_LATE_MAX;
	return false;
}

/* OUT, as KVM sees it: a doorbell, kept back, or an exit. */
static inline void fake_out(uint16_t port, unsigned width, uint64_t value)
{
	unsigned region;
	uint64_t offset;
	uint64_t one = 1;

	for (unsigned i = 0; i < FAKE_DOORBELLS; i++)
		if (width == 1 && fake_kvm.doorbell[i].port == port &&
		    fake_kvm.doorbell[i].value == value) {
			if (write(fake_kvm.doorbell[i].fd, &one, sizeof(one)) < 0)
				abort();
			return;
		}
	if (fake_keeps_back(port, width)) {
		fake_kvm.late[fake_kvm.late_count].port = port;
		fake_kvm.late[fake_kvm.late_count].width = width;
		fake_kvm.late[fake_kvm.late_count++].value = value;
		return;
	}
	fake_flush_deferred(NULL);
	if (fake_decode(port, &region, &offset))
		dev_write_wide(fake_kvm.dev, region, offset, width, value);
}

static inline uint64_t fake_in(uint16_t port, unsigned width)
{
	unsigned region;
	uint64_t offset;

	fake_flush_deferred(NULL);
	if (!fake_decode(port, &region, &offset))
		return UINT64_MAX;
	return dev_read_wide(fake_kvm.dev, region, offset, width);
}

#endif
