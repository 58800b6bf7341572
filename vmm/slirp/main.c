/* SPDX-License-Identifier: MIT
 *
 * vitrine-slirp: the user-mode network of a VM's --net user cards, through libslirp. A process of its
 * own, so that what parses a guest's packets cannot reach the guest's memory or KVM, and the
 * VMM itself needs no dynamic linker. The VMM starts it; protocol.h is what they say.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "slirp/card.h"
#include "slirp/protocol.h"
#include "slirp/room.h"

#define CARDS_MAX 32

struct helper {
	struct room *room;
	struct poll_set set;
	struct card *card[CARDS_MAX];
	unsigned card_count;
};

/* One request and its descriptor: 0; 1: end of file; -1: not one. */
static int read_request(struct slirp_request *request, int *fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {request, sizeof(*request)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	ssize_t len = recvmsg(SLIRP_CONTROL_FD, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *first = CMSG_FIRSTHDR(&message);

	if (len <= 0)
		return len == 0 ? 1 : -1;
	if (len != sizeof(*request) || !first || first->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(fd, CMSG_DATA(first), sizeof(*fd));
	return 0;
}

/* false: the VMM is gone. */
static bool serve_request(struct helper *helper)
{
	struct slirp_reply reply = {EINVAL, -1};
	struct slirp_request request;
	int fd, kind = read_request(&request, &fd);

	if (kind == 1)
		return false;
	if (kind == 0 && helper->card_count < CARDS_MAX) {
		struct card *card = card_create(fd, &request, helper->room, &reply);

		if (card)
			helper->card[helper->card_count++] = card;
	} else if (kind == 0) {
		reply.error = ENOSPC;
		close(fd);
	}
	return send(SLIRP_CONTROL_FD, &reply, sizeof(reply), MSG_NOSIGNAL) == sizeof(reply);
}

static void run_cards(struct helper *helper, bool poll_failed)
{
	for (unsigned i = 0; i < helper->card_count;) {
		if (card_run(helper->card[i], &helper->set, poll_failed)) {
			i++;
			continue;
		}
		card_destroy(helper->card[i]);
		helper->card[i] = helper->card[--helper->card_count];
	}
}

static bool step(struct helper *helper)
{
	unsigned timeout_ms = UINT_MAX;
	int count;

	helper->set.count = 0;
	if (poll_set_add(&helper->set, SLIRP_CONTROL_FD, POLLIN) < 0)
		return false;
	for (unsigned i = 0; i < helper->card_count; i++)
		card_prepare(helper->card[i], &helper->set, &timeout_ms);
	if (helper->room->used && timeout_ms > 1000)
		timeout_ms = 1000;
	count = poll(helper->set.fds, helper->set.count,
		     timeout_ms > INT_MAX ? -1 : (int)timeout_ms);
	if (count == 0)
		room_shrink(helper->room);
	run_cards(helper, count < 0);
	return count <= 0 || !helper->set.fds[0].revents || serve_request(helper);
}

/* Dies with the VMM, gains nothing by exec, and says nothing once it runs: what libslirp logs is
 * up to the guest. */
static void settle(void)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* Ctrl-C on the terminal is the VMM's to handle */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null_fd, fd);
}

int main(void)
{
	struct helper helper = {0};
	int type = 0;
	socklen_t size = sizeof(type);

	if (getsockopt(SLIRP_CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
	    type != SOCK_SEQPACKET) {
		fputs("vitrine-slirp is started by vitrine run --net user, not by hand.\n", stderr);
		return 2;
	}
	settle();
	if (room_create(&helper.room))
		return 1;
	while (step(&helper))
		;
	return 0;
}
