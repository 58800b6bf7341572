/* SPDX-License-Identifier: MIT
 *
 * Waiting for many descriptors: poll, ppoll, select, pselect, and epoll by level, by edge, one-shot.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>

#include "check.h"

static int fds[2];

static int write_later(void *unused)
{
	(void)unused;
	sleep_ms(50);
	return write(fds[1], "x", 1) != 1;
}

static void drain(void)
{
	char data[64];

	need(read(fds[0], data, sizeof data) > 0);
}

static void polls(void)
{
	struct pollfd p[3] = {{.fd = fds[0], .events = POLLIN},
			      {.fd = fds[1], .events = POLLOUT},
			      {.fd = -1, .events = POLLIN}};
	int other[2];
	pid_t pid;

	check("poll: one is ready",
	      poll(p, 3, 1000) == 1 && !p[0].revents && p[1].revents == POLLOUT && !p[2].revents);
	check("poll: none, at once", poll(p, 1, 0) == 0);
	pid = child_start(write_later, NULL);
	check("poll waits", poll(p, 1, 5000) == 1 && p[0].revents == POLLIN);
	need(child_end(pid) == 0);
	drain();
	p[2].fd = 999;
	check("poll: POLLNVAL", poll(p + 2, 1, 1000) == 1 && p[2].revents == POLLNVAL);
	need(!pipe(other) && !close(other[1]));
	p[2].fd = other[0];
	check("poll: POLLHUP, unasked", poll(p + 2, 1, 1000) == 1 && (p[2].revents & POLLHUP));
	close(other[0]);
	need(!pipe(other) && !close(other[0]));
	p[2] = (struct pollfd){.fd = other[1], .events = POLLOUT};
	check("poll: POLLERR for a writer alone",
	      poll(p + 2, 1, 1000) == 1 && (p[2].revents & POLLERR));
	close(other[1]);
	p[2] = (struct pollfd){.fd = open("/dev/null", O_RDWR), .events = POLLIN | POLLOUT};
	check("a device or file is always ready",
	      poll(p + 2, 1, 0) == 1 && p[2].revents == (POLLIN | POLLOUT));
	close(p[2].fd);
}

static void on_signal(int signal)
{
	(void)signal;
}

static int signal_later(void *unused)
{
	(void)unused;
	sleep_ms(50);
	return kill(getppid(), SIGUSR1);
}

static void with_masks(void)
{
	struct pollfd p = {.fd = fds[0], .events = POLLIN};
	struct timespec limit = {5, 0};
	sigset_t blocked, none;
	fd_set set;
	pid_t pid;

	signal(SIGUSR1, on_signal);
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	need(!sigprocmask(SIG_BLOCK, &blocked, NULL));
	pid = child_start(signal_later, NULL);
	check_fails("ppoll lets a signal in", ppoll(&p, 1, &limit, &none), EINTR);
	need(child_end(pid) == 0);
	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	pid = child_start(signal_later, NULL);
	check_fails("pselect too", pselect(fds[0] + 1, &set, NULL, NULL, &limit, &none), EINTR);
	need(child_end(pid) == 0 && !sigprocmask(SIG_UNBLOCK, &blocked, NULL));
}

static void selects(void)
{
	struct timeval limit = {5, 0}, none = {0, 0}, negative = {-1, 0};
	fd_set in, out;
	pid_t pid;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(fds[0], &in);
	FD_SET(fds[1], &out);
	check("select", select(fds[1] + 1, &in, &out, NULL, &limit) == 1 &&
				!FD_ISSET(fds[0], &in) && FD_ISSET(fds[1], &out));
	FD_SET(fds[0], &in);
	check("select: none clears the sets",
	      select(fds[0] + 1, &in, NULL, NULL, &none) == 0 && !FD_ISSET(fds[0], &in));
	pid = child_start(write_later, NULL);
	FD_SET(fds[0], &in);
	check("select waits",
	      select(fds[0] + 1, &in, NULL, NULL, &limit) == 1 && FD_ISSET(fds[0], &in));
	need(child_end(pid) == 0);
	drain();
	FD_SET(20, &in);
	check_fails("select: bad descriptor", select(21, &in, NULL, NULL, &limit), EBADF);
	check_fails("select: negative time", select(0, NULL, NULL, NULL, &negative), EINVAL);
}

static int wait_one(int epoll, struct epoll_event *event, int ms)
{
	memset(event, 0, sizeof *event);
	return epoll_wait(epoll, event, 1, ms);
}

static void epoll_changes(int epoll)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 7};
	int file = open("file", O_RDWR | O_CREAT, 0600);

	check("EPOLL_CTL_ADD", !epoll_ctl(epoll, EPOLL_CTL_ADD, fds[0], &event));
	check_fails("… twice", epoll_ctl(epoll, EPOLL_CTL_ADD, fds[0], &event), EEXIST);
	check_fails("EPOLL_CTL_MOD of none", epoll_ctl(epoll, EPOLL_CTL_MOD, fds[1], &event),
		    ENOENT);
	check_fails("a file can't be added", epoll_ctl(epoll, EPOLL_CTL_ADD, file, &event), EPERM);
	check_fails("nor itself", epoll_ctl(epoll, EPOLL_CTL_ADD, epoll, &event), EINVAL);
	check_fails("nor a bad one", epoll_ctl(epoll, EPOLL_CTL_ADD, 999, &event), EBADF);
	check_fails("epoll_wait: no room", epoll_wait(epoll, &event, 0, 0), EINVAL);
	check_fails("epoll_wait: not an epoll", epoll_wait(fds[0], &event, 1, 0), EINVAL);
	close(file);
}

static void epolls(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event, edge = {.events = EPOLLIN | EPOLLET, .data.u64 = 8},
				  once = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 9};
	pid_t pid;

	need(epoll >= 0);
	epoll_changes(epoll);
	check("epoll: not yet", wait_one(epoll, &event, 0) == 0);
	pid = child_start(write_later, NULL);
	check("epoll waits",
	      wait_one(epoll, &event, 5000) == 1 && event.events == EPOLLIN && event.data.u64 == 7);
	need(child_end(pid) == 0);
	check("level: again", wait_one(epoll, &event, 0) == 1);
	need(!epoll_ctl(epoll, EPOLL_CTL_MOD, fds[0], &edge));
	check("edge: once", wait_one(epoll, &event, 0) == 1 && event.data.u64 == 8 &&
				    wait_one(epoll, &event, 0) == 0);
	need(write(fds[1], "y", 1) == 1);
	check("edge: on more", wait_one(epoll, &event, 0) == 1 && wait_one(epoll, &event, 0) == 0);
	need(!epoll_ctl(epoll, EPOLL_CTL_MOD, fds[0], &once));
	check("one-shot: once", wait_one(epoll, &event, 0) == 1 && event.data.u64 == 9);
	need(write(fds[1], "z", 1) == 1);
	check("one-shot: no more", wait_one(epoll, &event, 0) == 0);
	check("one-shot: armed again",
	      !epoll_ctl(epoll, EPOLL_CTL_MOD, fds[0], &once) && wait_one(epoll, &event, 0) == 1);
	struct pollfd p = {.fd = epoll, .events = POLLIN};
	need(!epoll_ctl(epoll, EPOLL_CTL_MOD, fds[0], &once));
	check("poll of an epoll", poll(&p, 1, 1000) == 1);
	check("EPOLL_CTL_DEL",
	      !epoll_ctl(epoll, EPOLL_CTL_DEL, fds[0], NULL) && wait_one(epoll, &event, 0) == 0);
	once.events = EPOLLIN;
	need(!epoll_ctl(epoll, EPOLL_CTL_ADD, fds[0], &once) && !close(fds[1]));
	drain();
	check("EPOLLHUP", wait_one(epoll, &event, 1000) == 1 && (event.events & EPOLLHUP));
	close(fds[0]);
	check("closed is removed", wait_one(epoll, &event, 0) == 0);
	close(epoll);
}

/* 200 pipes in one epoll. */
static void many(void)
{
	static int ends[200][2];
	struct epoll_event event = {.events = EPOLLIN}, found[200];
	int epoll = epoll_create1(0), good = 1;

	for (int i = 0; i < 200; i++) {
		event.data.u32 = i;
		need(!pipe(ends[i]) && !epoll_ctl(epoll, EPOLL_CTL_ADD, ends[i][0], &event));
	}
	for (int i = 0; i < 200; i += 20)
		need(write(ends[i][1], "x", 1) == 1);
	int count = epoll_wait(epoll, found, 200, 1000);
	for (int i = 0; i < count; i++)
		good &= found[i].data.u32 % 20 == 0;
	check("10 of 200", count == 10 && good);
}

int main(void)
{
	need(!pipe(fds));
	polls();
	with_masks();
	selects();
	epolls();
	many();
	return check_end();
}
