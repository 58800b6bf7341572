/* SPDX-License-Identifier: MIT
 *
 * A wiring that remembers what it was asked for, in the place of KVM's: doorbells, irqfds, MSI routes. Asking
 * twice for the same, or taking away what is not there, fails as it does in KVM. To be included once in a
 * program.
 */
#ifndef VITRINE_TESTS_WIRING_FAKE_H
#define VITRINE_TESTS_WIRING_FAKE_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/bus.h"
#include "bus/wiring.h"

#define WIRES_MAX 256
#define FIRST_FAKE_GSI 24

struct doorbell {
	enum bus_space space;
	uint64_t addr;
	unsigned width;
	uint64_t value;
	int fd;
};

struct irqfd {
	unsigned gsi;
	int fd;
};

struct message {
	bool taken, bound;
	uint64_t address;
	uint32_t data;
};

struct fake_wiring {
	pthread_mutex_t lock;
	struct doorbell doorbell[WIRES_MAX];
	unsigned doorbell_count;
	struct irqfd irqfd[WIRES_MAX];
	unsigned irqfd_count;
	struct message message[WIRES_MAX];
	unsigned set_msi_calls;
	/* what is to fail: the next so many calls go well; -1: all */
	int doorbells_left, irqfds_left;
	bool refuse_messages;
};

static struct fake_wiring wires = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline int fake_find_doorbell(enum bus_space space, uint64_t addr, unsigned width,
				     uint64_t value)
{
	for (unsigned i = 0; i < wires.doorbell_count; i++) {
		const struct doorbell *d = &wires.doorbell[i];

		if (d->space == space && d->addr == addr &&
		    (!width || !d->width || (d->width == width && d->value == value)))
			return (int)i;
	}
	return -1;
}

static int fake_add_doorbell(void *kvm, enum bus_space space, uint64_t addr, unsigned width,
			     uint64_t value, int fd)
{
	int err = 0;

	(void)kvm;
	pthread_mutex_lock(&wires.lock);
	if (fake_find_doorbell(space, addr, width, value) >= 0)
		err = -EEXIST;
	else if (!wires.doorbells_left || wires.doorbell_count == WIRES_MAX)
		err = -ENOSPC;
	else
		wires.doorbell[wires.doorbell_count++] = (struct doorbell){space, addr, width,
									   value, fd};
	if (!err && wires.doorbells_left > 0)
		wires.doorbells_left--;
	pthread_mutex_unlock(&wires.lock);
	return err;
}

static int fake_remove_doorbell(void *kvm, enum bus_space space, uint64_t addr, unsigned width,
				uint64_t value, int fd)
{
	int at;

	(void)kvm;
	pthread_mutex_lock(&wires.lock);
	at = fake_find_doorbell(space, addr, width, value);
	if (at >= 0 && wires.doorbell[at].fd == fd)
		wires.doorbell[at] = wires.doorbell[--wires.doorbell_count];
	else
		at = -1;
	pthread_mutex_unlock(&wires.lock);
	return at < 0 ? -ENOENT : 0;
}

static inline int fake_find_irqfd(int fd)
{
	for (unsigned i = 0; i < wires.irqfd_count; i++)
		if (wires.irqfd[i].fd == fd)
			return (int)i;
	return -1;
}

static int fake_add_irqfd(void *kvm, unsigned gsi, int fd)
{
	int err = 0;

	(void)kvm;
	pthread_mutex_lock(&wires.lock);
	if (fake_find_irqfd(fd) >= 0)
		err = -EBUSY;
	else if (!wires.irqfds_left || wires.irqfd_count == WIRES_MAX)
		err = -ENOSPC;
	else
		wires.irqfd[wires.irqfd_count++] = (struct irqfd){gsi, fd};
	if (!err && wires.irqfds_left > 0)
		wires.irqfds_left--;
	pthread_mutex_unlock(&wires.lock);
	return err;
}

/* As KVM does: what waits in the eventfd is gone. */
static int fake_remove_irqfd(void *kvm, unsigned gsi, int fd)
{
	uint64_t count;
	int at;

	(void)kvm;
	pthread_mutex_lock(&wires.lock);
	at = fake_find_irqfd(fd);
	if (at >= 0 && wires.irqfd[at].gsi == gsi) {
		wires.irqfd[at] = wires.irqfd[--wires.irqfd_count];
		if (read(fd, &count, sizeof(count)) < 0)
			count = 0;
	} else {
		at = -1;
	}
	pthread_mutex_unlock(&wires.lock);
	return at < 0 ? -EINVAL : 0;
}

static int fake_add_msi(void *kvm)
{
	(void)kvm;
	for (int i = 0; i < WIRES_MAX; i++)
		if (!wires.message[i].taken) {
			wires.message[i] = (struct message){.taken = true};
			return FIRST_FAKE_GSI + i;
		}
	return -ENOSPC;
}

static int fake_set_msi(void *kvm, int gsi, uint64_t address, uint32_t data)
{
	struct message *message = &wires.message[gsi - FIRST_FAKE_GSI];

	(void)kvm;
	if (gsi < FIRST_FAKE_GSI || !message->taken)
		abort();
	wires.set_msi_calls++;
	if (wires.refuse_messages)
		return -EINVAL;
	*message = (struct message){true, true, address, data};
	return 0;
}

static int fake_remove_msi(void *kvm, int gsi)
{
	(void)kvm;
	if (gsi < FIRST_FAKE_GSI || !wires.message[gsi - FIRST_FAKE_GSI].taken)
		abort();
	wires.message[gsi - FIRST_FAKE_GSI].taken = false;
	return 0;
}

static const struct wiring fake_wiring = {
	.add_doorbell = fake_add_doorbell,
	.remove_doorbell = fake_remove_doorbell,
	.add_irqfd = fake_add_irqfd,
	.remove_irqfd = fake_remove_irqfd,
	.add_msi = fake_add_msi,
	.set_msi = fake_set_msi,
	.remove_msi = fake_remove_msi,
};

static inline void wires_init(void)
{
	wires.doorbell_count = wires.irqfd_count = wires.set_msi_calls = 0;
	memset(wires.message, 0, sizeof(wires.message));
	wires.doorbells_left = wires.irqfds_left = -1;
	wires.refuse_messages = false;
}

/* What KVM does at a guest's write: true where a doorbell took it. */
static inline bool wires_ring(enum bus_space space, uint64_t addr, unsigned width, uint64_t value)
{
	uint64_t one = 1;
	int fd = -1;
	int at;

	pthread_mutex_lock(&wires.lock);
	at = fake_find_doorbell(space, addr, width, value);
	if (at >= 0)
		fd = wires.doorbell[at].fd;
	pthread_mutex_unlock(&wires.lock);
	return fd >= 0 && write(fd, &one, sizeof(one)) == sizeof(one);
}

/* Takes what was signalled through an irqfd to this GSI: how often since the last time. */
static inline uint64_t wires_take_interrupts(unsigned gsi)
{
	uint64_t sum = 0;
	uint64_t count;

	pthread_mutex_lock(&wires.lock);
	for (unsigned i = 0; i < wires.irqfd_count; i++)
		if (wires.irqfd[i].gsi == gsi &&
		    read(wires.irqfd[i].fd, &count, sizeof(count)) == sizeof(count))
			sum += count;
	pthread_mutex_unlock(&wires.lock);
	return sum;
}

/* The message that is bound to the GSI of this eventfd; NULL: nobody listens to it. */
static inline const struct message *wires_message_of(int fd)
{
	int at = fake_find_irqfd(fd);

	return at < 0 ? NULL : &wires.message[wires.irqfd[at].gsi - FIRST_FAKE_GSI];
}

#endif
