/* SPDX-License-Identifier: MIT
 *
 * Register writes that need no exit to userspace (bus/wiring.h):
 *   - START of the bus master is a doorbell that rings in the controller's thread: the vCPU goes on at once.
 *     Who looks at the bus master's registers meanwhile sees START done: catch_up() does it for the thread.
 *   - The data port, parameters of a command, and what else is written to the bus master come late: they
 *     mean nothing before the command register, or START, is written, or something is read. All of these bring
 *     the late ones with them. Two things could wait for ever, if the guest looks at no register
 *     afterwards: data, and a START that is no doorbell (a wide access, or with reserved bits). For them
 *     there is the timer.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus/wiring.h"
#include "dev/ide_internal.h"
#include "loop/loop.h"
#include "ports.h"

#define DATA_AND_PARAMETERS 7 /* of the 8 ports: all but the command register */
#define FLUSH_FIRST_NS 2000000
#define FLUSH_LAST_NS 1000000000 /* for a guest that never goes on */

static uint16_t command_port(const struct ide_channel *ch)
{
	return ch->index ? PORT_IDE_COMMAND_1 : PORT_IDE_COMMAND_0;
}

static void flush_deferred(struct ide *ide)
{
	if (ide->deferring)
		ide->wiring->flush_deferred(ide->wiring->kvm);
}

static void take_start(struct ide_doorbell *doorbell)
{
	if (ide_work_take_signal(doorbell->fd))
		ide_bm_write_command(doorbell->channel, doorbell->command);
}

/* In the controller's thread. */
static void start_rang(void *ctx, uint32_t events)
{
	struct ide_doorbell *doorbell = ctx;
	struct ide *ide = doorbell->channel->ide;

	(void)events;
	flush_deferred(ide); /* the list's address */
	pthread_mutex_lock(&ide->fn.dev.lock);
	ide->in_thread = true;
	take_start(doorbell);
	ide_work_run(ide);
	pthread_mutex_unlock(&ide->fn.dev.lock);
}

void ide_shortcuts_catch_up(struct ide_channel *ch)
{
	if (ch->bm.command & BM_COMMAND_START)
		return; /* nothing changes by another one */
	for (unsigned i = 0; i < 2; i++)
		if (ch->bm.doorbell[i].fd >= 0)
			take_start(&ch->bm.doorbell[i]);
}

/* The next step is a write by the guest that may come late. */
static bool expects_write(const struct ide_channel *ch)
{
	if (!ch->job.drive)
		return false;
	return ch->job.waits_for_master ||
	       (!ch->job.data_in && ch->job.drive->status & IDE_STATUS_DRQ);
}

static void flush_time(void *ctx)
{
	struct ide *ide = ctx;
	flush_deferred(ide);
	pthread_mutex_lock(&ide->fn.dev.lock);
	if (expects_write(&ide->channel[0]) || expects_write(&ide->channel[1])) {
		ide->flush_delay_ns *= ide->flush_delay_ns < FLUSH_LAST_NS ? 2 : 1;
		loop_timer_arm(ide->flush_timer, ide->flush_delay_ns);
	} else {
		ide->flush_delay_ns = 0;
	}
	pthread_mutex_unlock(&ide->fn.dev.lock);
}

/* Armed once for many: a busy disk pays for it 500 times a second at most. */
void ide_shortcuts_expect_write(struct ide *ide)
{
	if (!ide->deferring || ide->flush_delay_ns == FLUSH_FIRST_NS)
		return;
	ide->flush_delay_ns = FLUSH_FIRST_NS;
	loop_timer_arm(ide->flush_timer, FLUSH_FIRST_NS);
}

/* --- where they are ---------------------------------------------------------------------------- */

/* A doorbell that KVM does not take is an exit: nothing else changes. */
static void set_doorbells(struct ide_channel *ch, bool on)
{
	const struct wiring *wiring = ch->ide->wiring;

	for (unsigned i = 0; i < 2; i++) {
		struct ide_doorbell *doorbell = &ch->bm.doorbell[i];

		if (doorbell->fd < 0)
			continue;
		if (on)
			wiring->add_doorbell(wiring->kvm, BUS_PIO, ch->bm.port, 1,
					     doorbell->command, doorbell->fd);
		else
			wiring->remove_doorbell(wiring->kvm, BUS_PIO, ch->bm.port, 1,
						doorbell->command, doorbell->fd);
	}
}

void ide_shortcuts_move(struct ide_channel *ch, uint16_t port)
{
	const struct wiring *wiring = ch->ide->wiring;

	if (!wiring || !ch->populated)
		return;
	if (ch->bm.port) {
		set_doorbells(ch, false);
		if (ch->ide->deferring)
			wiring->remove_deferred(wiring->kvm, ch->bm.port, BM_CHANNEL_BYTES);
	}
	ch->bm.port = port;
	if (port) {
		set_doorbells(ch, true);
		if (ch->ide->deferring)
			wiring->add_deferred(wiring->kvm, port, BM_CHANNEL_BYTES);
	}
}

static int create_doorbells(struct ide_channel *ch)
{
	int err = 0;

	for (unsigned i = 0; !err && i < 2; i++) {
		struct ide_doorbell *doorbell = &ch->bm.doorbell[i];

		*doorbell = (struct ide_doorbell){
			.channel = ch,
			.command = BM_COMMAND_START | (i ? BM_COMMAND_TO_MEMORY : 0),
			.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		};
		if (doorbell->fd < 0)
			return -errno;
		err = loop_add_fd(ch->ide->loop, doorbell->fd, EPOLLIN, start_rang, doorbell);
	}
	return err;
}

static int create_deferral(struct ide *ide)
{
	const struct wiring *wiring = ide->wiring;
	int err = 0;

	for (unsigned i = 0; !err && i < IDE_CHANNELS; i++)
		if (ide->channel[i].populated)
			err = wiring->add_deferred(wiring->kvm, command_port(&ide->channel[i]),
						   DATA_AND_PARAMETERS);
	if (err)
		return err == -ENOTSUP ? 0 : err;
	ide->deferring = true;
	return loop_timer_create(ide->loop, flush_time, ide, &ide->flush_timer);
}

int ide_shortcuts_create(struct ide *ide)
{
	int err = 0;

	if (!ide->wiring)
		return 0;
	for (unsigned i = 0; !err && i < IDE_CHANNELS; i++)
		if (ide->channel[i].populated)
			err = create_doorbells(&ide->channel[i]);
	return err ? err : create_deferral(ide);
}

void ide_shortcuts_destroy(struct ide *ide)
{
	const struct wiring *wiring = ide->wiring;

	for (unsigned i = 0; i < IDE_CHANNELS; i++) {
		struct ide_channel *ch = &ide->channel[i];

		ide_shortcuts_move(ch, 0);
		if (ide->deferring && ch->populated)
			wiring->remove_deferred(wiring->kvm, command_port(ch), DATA_AND_PARAMETERS);
		for (unsigned j = 0; j < 2; j++)
			if (ch->bm.doorbell[j].fd >= 0)
				close(ch->bm.doorbell[j].fd);
	}
	loop_timer_destroy(ide->flush_timer);
}
