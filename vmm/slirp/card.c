/* SPDX-License-Identifier: MIT
 *
 * See card.h.
 *
 *   guest -> ring -> slirp_input() -> sockets of the host
 *   guest <- ring <- send_packet() <- slirp_pollfds_poll(), or an answer at once
 *
 * When the guest does not keep up its ring is full: frames then wait in a list, and libslirp is not
 * asked to read from the host's sockets until that is empty, so that TCP's own flow control reaches the
 * sender.
 */
#include "slirp/card.h"

#include <errno.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/net_header.h"
#include "loop/clock.h"
#include "slirp/frame_ring.h"

#define HEADER_BYTES sizeof(struct virtio_net_hdr_v1)
#define RUN_FRAMES_MAX 128 /* before the host's sockets get their turn */
#define PUBLISH_FRAMES 32  /* the guest may begin with these while there are more to come */
#define WAITING_MAX_BYTES (1 << 20) /* then frames are lost, as on a wire */

struct timer {
	SlirpTimerCb fn;
	void *fn_opaque;
	int64_t due_ms; /* < 0: not armed */
	struct timer *next;
};

struct waiting {
	struct waiting *next;
	uint32_t len_bytes;
	uint8_t frame[];
};

struct card {
	unsigned number;
	int fds[SLIRP_FDS];
	struct frame_ring ring[2];
	void *mapping;
	int poll_index;
	bool host_is_polled;
	Slirp *slirp;
	struct timer *timers;
	unsigned unpublished;
	struct waiting *waiting;
	struct waiting **waiting_end;
	size_t waiting_bytes;
};

int poll_set_add(struct poll_set *set, int fd, short events)
{
	if (set->count == set->room) {
		unsigned room = set->room ? 2 * set->room : 16;
		struct pollfd *fds = realloc(set->fds, room * sizeof(*fds));

		if (!fds)
			return -1;
		set->fds = fds;
		set->room = room;
	}
	set->fds[set->count] = (struct pollfd){.fd = fd, .events = events};
	return (int)set->count++;
}

/* --- to the guest --- */

static void wait_for_room(struct card *card, const void *frame, uint32_t len_bytes)
{
	struct waiting *waiting = NULL;

	if (card->waiting_bytes + len_bytes <= WAITING_MAX_BYTES)
		waiting = malloc(sizeof(*waiting) + len_bytes);
	if (!waiting)
		return;
	waiting->next = NULL;
	waiting->len_bytes = len_bytes;
	memcpy(waiting->frame, frame, len_bytes);
	*card->waiting_end = waiting;
	card->waiting_end = &waiting->next;
	card->waiting_bytes += len_bytes;
}

static bool put_frame(struct card *card, const void *frame, uint32_t len_bytes)
{
	struct frame_ring *ring = &card->ring[SLIRP_RING_TO_VMM];
	uint8_t *record = frame_ring_reserve(ring, len_bytes);

	if (!record)
		return false;
	memcpy(record, frame, len_bytes);
	frame_ring_commit(ring, len_bytes);
	if (++card->unpublished < PUBLISH_FRAMES)
		return true;
	frame_ring_publish(ring);
	card->unpublished = 0;
	return true;
}

static void send_waiting(struct card *card)
{
	while (card->waiting) {
		struct waiting *first = card->waiting;

		if (!put_frame(card, first->frame, first->len_bytes))
			return;
		card->waiting = first->next;
		card->waiting_bytes -= first->len_bytes;
		free(first);
	}
	card->waiting_end = &card->waiting;
}

static ssize_t send_packet(const void *frame, size_t len_bytes, void *opaque)
{
	struct card *card = opaque;

	if (card->waiting || !put_frame(card, frame, (uint32_t)len_bytes))
		wait_for_room(card, frame, (uint32_t)len_bytes);
	return (ssize_t)len_bytes;
}

/* --- from the guest --- */

static void take_record(struct card *card, uint8_t *record, size_t len_bytes)
{
	struct virtio_net_hdr_v1 header;
	uint8_t *frame = record + HEADER_BYTES;

	if (len_bytes < HEADER_BYTES)
		return;
	memcpy(&header, record, HEADER_BYTES);
	len_bytes -= HEADER_BYTES;
	if (!net_header_is_sound(&header, len_bytes))
		return;
	/* Segments are left in one piece: TCP ends here, and libslirp takes them at any size. */
	net_header_complete_checksum(&header, frame, len_bytes);
	slirp_input(card->slirp, frame, (int)len_bytes);
}

static void receive(struct card *card)
{
	struct frame_ring *ring = &card->ring[SLIRP_RING_TO_HELPER];
	uint32_t len_bytes;
	uint8_t *record;

	for (unsigned i = 0; i < RUN_FRAMES_MAX; i++) {
		record = frame_ring_peek(ring, &len_bytes);
		if (!record)
			break;
		take_record(card, record, len_bytes);
		frame_ring_drop(ring);
	}
	frame_ring_release(ring);
}

/* --- libslirp's callbacks --- */

static int64_t now_ms(void)
{
	return (int64_t)(clock_read_ns(CLOCK_MONOTONIC) / 1000000);
}

static int64_t get_clock(void *opaque)
{
	(void)opaque;
	return (int64_t)clock_read_ns(CLOCK_MONOTONIC);
}

/* A hostile guest could make it talk without end. */
static void guest_error(const char *message, void *opaque)
{
	(void)message, (void)opaque;
}

static void *timer_new(SlirpTimerCb fn, void *fn_opaque, void *opaque)
{
	struct card *card = opaque;
	struct timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		abort(); /* libslirp has no other way out either */
	*timer = (struct timer){fn, fn_opaque, -1, card->timers};
	card->timers = timer;
	return timer;
}

static void timer_free(void *which, void *opaque)
{
	struct card *card = opaque;
	struct timer **link = &card->timers;

	while (*link && *link != which)
		link = &(*link)->next;
	if (*link)
		*link = (*link)->next;
	free(which);
}

static void timer_mod(void *which, int64_t due_ms, void *opaque)
{
	struct timer *timer = which;

	(void)opaque;
	timer->due_ms = due_ms;
}

static void run_timers(struct card *card)
{
	int64_t now = now_ms();

	for (struct timer *timer = card->timers, *next; timer; timer = next) {
		next = timer->next;
		if (timer->due_ms < 0 || timer->due_ms > now)
			continue;
		timer->due_ms = -1;
		timer->fn(timer->fn_opaque);
	}
}

/* Descriptors are found anew before each poll(), and there is one thread. */
static void ignore_fd(int fd, void *opaque)
{
	(void)fd, (void)opaque;
}

static void ignore_notice(void *opaque)
{
	(void)opaque;
}

static const SlirpCb callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = get_clock,
	.timer_new = timer_new,
	.timer_free = timer_free,
	.timer_mod = timer_mod,
	.register_poll_fd = ignore_fd,
	.unregister_poll_fd = ignore_fd,
	.notify = ignore_notice,
};

/* --- poll() --- */

static const struct {
	int slirp;
	short poll;
} event_bits[] = {
	{SLIRP_POLL_IN, POLLIN},   {SLIRP_POLL_OUT, POLLOUT}, {SLIRP_POLL_PRI, POLLPRI},
	{SLIRP_POLL_ERR, POLLERR}, {SLIRP_POLL_HUP, POLLHUP},
};

#define EVENT_BITS (sizeof(event_bits) / sizeof(*event_bits))

static int add_poll(int fd, int events, void *opaque)
{
	short wanted = 0;

	for (unsigned i = 0; i < EVENT_BITS; i++)
		if (events & event_bits[i].slirp)
			wanted |= event_bits[i].poll;
	return poll_set_add(opaque, fd, wanted);
}

static int get_events(int index, void *opaque)
{
	const struct poll_set *set = opaque;
	int events = 0;

	if (index < 0 || (unsigned)index >= set->count)
		return 0;
	for (unsigned i = 0; i < EVENT_BITS; i++)
		if (set->fds[index].revents & event_bits[i].poll)
			events |= event_bits[i].slirp;
	return events;
}

void card_prepare(struct card *card, struct poll_set *set, unsigned *timeout_ms)
{
	card->poll_index = poll_set_add(set, card->fds[SLIRP_FD_HELPER_BELL], POLLIN);
	if (!frame_ring_sleep(&card->ring[SLIRP_RING_TO_HELPER]))
		*timeout_ms = 0;
	if (card->waiting && !frame_ring_wait_for_room(&card->ring[SLIRP_RING_TO_VMM]))
		*timeout_ms = 0;
	card->host_is_polled = !card->waiting;
	if (card->host_is_polled)
		slirp_pollfds_fill(card->slirp, timeout_ms, add_poll, set);
	for (struct timer *timer = card->timers; timer; timer = timer->next) {
		int64_t left = timer->due_ms - now_ms();

		if (timer->due_ms >= 0 && left < *timeout_ms)
			*timeout_ms = left > 0 ? (unsigned)left : 0;
	}
}

bool card_run(struct card *card, const struct poll_set *set, bool poll_failed)
{
	struct frame_ring *ring = &card->ring[SLIRP_RING_TO_VMM];
	eventfd_t rung;

	if (!poll_failed && card->poll_index >= 0 && set->fds[card->poll_index].revents)
		eventfd_read(card->fds[SLIRP_FD_HELPER_BELL], &rung);
	send_waiting(card);
	receive(card);
	if (card->host_is_polled)
		slirp_pollfds_poll(card->slirp, poll_failed, get_events, (void *)(uintptr_t)set);
	run_timers(card);
	frame_ring_publish(ring);
	card->unpublished = 0;
	return !ring->broken && !card->ring[SLIRP_RING_TO_HELPER].broken;
}

/* --- birth and death --- */

static const SlirpConfig network = {
	.version = 3,
	.in_enabled = true,
	.in6_enabled = true,
	.vprefix_len = 64,
};

static Slirp *start_slirp(struct card *card, unsigned mtu)
{
	SlirpConfig config = network;

	config.if_mtu = mtu;
	config.if_mru = mtu;
	inet_pton(AF_INET, "10.0.2.0", &config.vnetwork);
	inet_pton(AF_INET, "255.255.255.0", &config.vnetmask);
	inet_pton(AF_INET, "10.0.2.2", &config.vhost);
	inet_pton(AF_INET, "10.0.2.3", &config.vnameserver);
	inet_pton(AF_INET, "10.0.2.15", &config.vdhcp_start);
	inet_pton(AF_INET6, "fec0::", &config.vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &config.vhost6);
	inet_pton(AF_INET6, "fec0::3", &config.vnameserver6);
	return slirp_new(&config, &callbacks, card);
}

static int add_forwards(struct card *card, const struct slirp_request *request,
			struct slirp_reply *reply)
{
	for (unsigned i = 0; i < request->forward_count && i < SLIRP_FORWARDS_MAX; i++) {
		const struct slirp_forward *forward = &request->forward[i];

		if (slirp_add_hostfwd(card->slirp, forward->udp, forward->host, forward->host_port,
				      forward->guest, forward->guest_port) == 0)
			continue;
		*reply = (struct slirp_reply){errno ? errno : EINVAL, (int)i};
		return -1;
	}
	return 0;
}

static int start(struct card *card, const struct slirp_request *request, struct slirp_reply *reply)
{
	int error = frame_ring_map(card->fds[SLIRP_FD_RINGS], card->fds[SLIRP_FD_VMM_BELL],
				   card->ring, &card->mapping);

	*reply = (struct slirp_reply){error ? -error : ENOMEM, -1};
	if (error)
		return -1;
	card->slirp = start_slirp(card, request->mtu);
	return card->slirp ? add_forwards(card, request, reply) : -1;
}

struct card *card_create(const int fds[SLIRP_FDS], const struct slirp_request *request,
			 struct slirp_reply *reply)
{
	struct card *card = calloc(1, sizeof(*card));

	*reply = (struct slirp_reply){ENOMEM, -1};
	if (!card) {
		for (unsigned i = 0; i < SLIRP_FDS; i++)
			close(fds[i]);
		return NULL;
	}
	memcpy(card->fds, fds, sizeof(card->fds));
	card->number = request->card;
	card->waiting_end = &card->waiting;
	if (start(card, request, reply)) {
		card_destroy(card);
		return NULL;
	}
	*reply = (struct slirp_reply){0, -1};
	return card;
}

unsigned card_number(const struct card *card)
{
	return card->number;
}

void card_destroy(struct card *card)
{
	if (card->slirp)
		slirp_cleanup(card->slirp);
	while (card->waiting) {
		struct waiting *next = card->waiting->next;

		free(card->waiting);
		card->waiting = next;
	}
	frame_ring_unmap(card->mapping);
	for (unsigned i = 0; i < SLIRP_FDS; i++)
		close(card->fds[i]);
	free(card);
}
