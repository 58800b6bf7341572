/* SPDX-License-Identifier: MIT
 *
 * net-pump NET NET: carries frames between two network back ends, as a VM with nothing in it would, and at
 * the end prints how many there were and what CPU time they took. With a tap in a network
 * namespace on one side, the host's own TCP plays the guest:
 *
 *     build/bench/net-pump tap,ifname=t0 user &
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "backend/net.h"
#include "cmd/net_options.h"
#include "loop/loop.h"

#define BATCH 32

struct side {
	struct net *net;
	struct side *other;
	uint64_t frames, bytes, batches, stalls;
	unsigned held_from, held_end; /* received, not yet taken by the other side */
	struct iovec iov[BATCH];
	struct net_frame frame[BATCH];
	uint8_t room[BATCH][NET_HEADER_BYTES + NET_FRAME_MAX];
};

static struct side side[2];
static struct loop *loop;

static void give_back_room(struct side *from)
{
	for (unsigned i = 0; i < BATCH; i++) {
		from->iov[i] = (struct iovec){from->room[i], sizeof(from->room[i])};
		from->frame[i] = (struct net_frame){.iov = &from->iov[i], .iov_count = 1};
	}
}

/* true: all that was held is gone. */
static bool pass_on(struct side *from)
{
	while (from->held_from < from->held_end) {
		int taken = net_send_batch(from->other->net, 0, from->frame + from->held_from,
					   from->held_end - from->held_from);

		if (taken < 0) {
			from->stalls++;
			return false;
		}
		from->held_from += (unsigned)taken;
	}
	return true;
}

static void readable(void *ctx)
{
	struct side *from = ctx;

	while (pass_on(from)) {
		int count;

		give_back_room(from);
		count = net_receive_batch(from->net, 0, from->frame, BATCH);
		if (count < 0)
			return;
		from->held_from = 0;
		from->held_end = (unsigned)count;
		from->batches++;
		for (int i = 0; i < count; i++) {
			from->iov[i].iov_len = from->frame[i].len_bytes;
			from->bytes += from->frame[i].len_bytes;
			from->frames++;
		}
	}
}

static void writable(void *ctx)
{
	struct side *to = ctx;

	readable(to->other);
}

static void stop(int signal)
{
	(void)signal;
	loop_stop(loop);
}

static double cpu_seconds(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	struct net_card_options options[2];
	struct net *net[2];
	char err[512] = "";
	unsigned offloads;

	for (int i = 0; i < 2; i++)
		if (argc != 3 || net_card_options_parse(argv[i + 1], &options[i], err, sizeof(err)))
			return fprintf(stderr, "net-pump NET NET %s\n", err), 2;
	for (unsigned i = 0; i < 2; i++)
		net_card_choose_mac(&options[i], argv, i);
	if (net_cards_open(options, 2, net, err, sizeof(err)) || loop_create(&loop))
		return fprintf(stderr, "%s\n", err), 1;
	offloads = net_get_info(net[0]).offloads & net_get_info(net[1]).offloads;
	for (unsigned i = 0; i < 2; i++) {
		side[i].net = net[i];
		side[i].other = &side[!i];
		if (net_set_offloads(net[i], getenv("NO_OFFLOADS") ? 0 : offloads) ||
		    net_listen(net[i], 0, loop, readable, writable, &side[i]))
			return fprintf(stderr, "%s: can't listen\n", argv[i + 1]), 1;
	}
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	loop_run(loop);
	for (unsigned i = 0; i < 2; i++) {
		net_close(net[i]);
		net_card_options_free(&options[i]);
		printf("from %s: %lu frames, %lu bytes, %lu batches, %lu stalls\n", argv[i + 1],
		       side[i].frames, side[i].bytes, side[i].batches, side[i].stalls);
	}
	printf("cpu: %.3f s here, %.3f s in helpers\n", cpu_seconds(RUSAGE_SELF),
	       cpu_seconds(RUSAGE_CHILDREN));
	loop_destroy(loop);
	return 0;
}
