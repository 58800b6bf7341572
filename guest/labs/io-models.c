/* SPDX-License-Identifier: MIT
 *
 * Four ways to talk to N slow peers: blocking, one after the other; non-blocking, asking again and again; epoll;
 * a helper thread for each. A peer answers so many milliseconds after it was asked.
 *
 *   io-models [-n PEERS] [-m MILLISECONDS] [-r ROUNDS]
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab.h"

#define PEERS_MAX 64

static unsigned peers, rounds;
static uint64_t delay_ms;
static int line[PEERS_MAX];
static _Atomic uint64_t calls; /* system calls that the model made */

static void be_peer(int fd)
{
	char c;

	while (read(fd, &c, 1) == 1) {
		usleep((useconds_t)(delay_ms * 1000));
		if (write(fd, &c, 1) != 1)
			break;
	}
	_exit(0);
}

static void start_peers(void)
{
	for (unsigned i = 0; i < peers; i++) {
		int ends[2];

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
			lab_die("socketpair");
		if (fork() == 0) {
			for (unsigned j = 0; j < i; j++)
				close(line[j]);
			close(ends[0]);
			be_peer(ends[1]);
		}
		close(ends[1]);
		line[i] = ends[0];
	}
}

static void ask(unsigned peer)
{
	calls++;
	if (write(line[peer], "?", 1) != 1)
		lab_die("write");
}

static bool take_answer(unsigned peer)
{
	char c;

	calls++;
	if (read(line[peer], &c, 1) == 1)
		return true;
	if (errno != EAGAIN)
		lab_die("read");
	return false;
}

static void *ask_one(void *peer)
{
	ask((unsigned)(uintptr_t)peer);
	take_answer((unsigned)(uintptr_t)peer);
	return NULL;
}

static void blocking(void)
{
	for (unsigned i = 0; i < peers; i++)
		ask_one((void *)(uintptr_t)i);
}

static void set_flags(int flags)
{
	for (unsigned i = 0; i < peers; i++)
		fcntl(line[i], F_SETFL, flags);
}

static void non_blocking(void)
{
	bool answered[PEERS_MAX] = {false};
	unsigned left = peers;

	for (unsigned i = 0; i < peers; i++)
		ask(i);
	set_flags(O_NONBLOCK);
	while (left)
		for (unsigned i = 0; i < peers; i++)
			if (!answered[i] && take_answer(i)) {
				answered[i] = true;
				left--;
			}
	set_flags(0);
}

static int event_fd = -1;

static void with_epoll(void)
{
	struct epoll_event events[16];
	unsigned left = peers;

	for (unsigned i = 0; i < peers; i++)
		ask(i);
	while (left) {
		const int count = epoll_wait(event_fd, events, 16, -1);

		calls++;
		for (int i = 0; i < count; i++)
			left -= take_answer(events[i].data.u32);
	}
}

static void watch_all(void)
{
	event_fd = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < peers; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};

		if (epoll_ctl(event_fd, EPOLL_CTL_ADD, line[i], &event))
			lab_die("epoll_ctl");
	}
}

static void threads(void)
{
	pthread_t thread[PEERS_MAX];

	for (unsigned i = 0; i < peers; i++)
		if (pthread_create(&thread[i], NULL, ask_one, (void *)(uintptr_t)i))
			lab_die("pthread_create");
	for (unsigned i = 0; i < peers; i++)
		pthread_join(thread[i], NULL);
}

static double cpu_ms(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static void measure(const char *model, void (*round)(void))
{
	const uint64_t start = lab_now_ns();
	const double cpu_before = cpu_ms();

	calls = 0;
	for (unsigned i = 0; i < rounds; i++)
		round();

	const double ms = (double)(lab_now_ns() - start) / 1e6 / rounds;
	const double cpu = (cpu_ms() - cpu_before) / rounds;

	printf("%-12s %8.1f ms a round, %8.2f ms of CPU time, %8.1f calls\n", model, ms, cpu,
	       (double)calls / rounds);
	lab_row("model", "model=%s peers=%u ms=%.2f cpu=%.2f calls=%.1f", model, peers, ms, cpu,
		(double)calls / rounds);
}

int main(int argc, char **argv)
{
	peers = (unsigned)lab_option(argc, argv, 'n', 8);
	rounds = (unsigned)lab_option(argc, argv, 'r', 3);
	delay_ms = lab_option(argc, argv, 'm', 100);
	if (peers > PEERS_MAX)
		peers = PEERS_MAX;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	start_peers();
	watch_all();
	measure("blocking", blocking);
	measure("non-blocking", non_blocking);
	measure("epoll", with_epoll);
	measure("threads", threads);
	lab_row("given", "peers=%u delay_ms=%lu", peers, delay_ms);
	return 0;
}
