/* SPDX-License-Identifier: MIT
 *
 * vitrine-slirp: the user-mode network of a VM's --net user cards, through libslirp. A process of its
 * own, so that what parses a guest's packets cannot reach the guest's memory or KVM, and the
 * VMM itself needs no dynamic linker. The VMM starts it; protocol.h is what they say.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "slirp/card.h"
#include "slirp/protocol.h"

#define CARDS_MAX 32

struct helper {
	struct poll_set set;
	struct card *card[CARDS_MAX];
	unsigned card_count;
};

/* One request, and descriptors if there are any: 0; 1: end of file; -1: not one. */
static int read_request(struct slirp_request *request, int fds[SLIRP_FDS])
{
	union {
		char bytes[CMSG_SPACE(SLIRP_FDS * sizeof(int))];
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
	if (first && first->cmsg_type == SCM_RIGHTS &&
	    first->cmsg_len == CMSG_LEN(SLIRP_FDS * sizeof(int)))
		memcpy(fds, CMSG_DATA(first), SLIRP_FDS * sizeof(int));
	else if (request->what == SLIRP_ADD)
		return -1;
	return len == sizeof(*request) ? 0 : -1;
}

static void remove_card(struct helper *helper, unsigned index)
{
	card_destroy(helper->card[index]);
	helper->card[index] = helper->card[--helper->card_count];
}

static bool add_card(struct helper *helper, const struct slirp_request *request,
		     const int fds[SLIRP_FDS])
{
	struct slirp_reply reply = {ENOSPC, -1};
	struct card *card = NULL;

	if (helper->card_count < CARDS_MAX)
		card = card_create(fds, request, &reply);
	if (card)
		helper->card[helper->card_count++] = card;
	return send(SLIRP_CONTROL_FD, &reply, sizeof(reply), MSG_NOSIGNAL) == sizeof(reply);
}

/* false: the VMM is gone, or makes no sense. */
static bool serve_request(struct helper *helper)
{
	struct slirp_request request = {0};
	int fds[SLIRP_FDS];

	if (read_request(&request, fds))
		return false;
	if (request.what == SLIRP_ADD)
		return add_card(helper, &request, fds);
	for (unsigned i = 0; i < helper->card_count; i++)
		if (card_number(helper->card[i]) == request.card)
			remove_card(helper, i);
	return true;
}

static void run_cards(struct helper *helper, bool poll_failed)
{
	for (unsigned i = 0; i < helper->card_count;) {
		if (card_run(helper->card[i], &helper->set, poll_failed))
			i++;
		else
			remove_card(helper, i);
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
	count = poll(helper->set.fds, helper->set.count,
		     timeout_ms > INT_MAX ? -1 : (int)timeout_ms);
	run_cards(helper, count < 0);
	return count <= 0 || !helper->set.fds[0].revents || serve_request(helper);
}

/* Of root's powers, those to open sockets remain: low ports for hostfwd, and pings. */
static void drop_powers(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0}, now[2] = {0};

	if (syscall(SYS_capget, &header, now))
		return;
	data[0].permitted = now[0].permitted & (1u << CAP_NET_BIND_SERVICE | 1u << CAP_NET_RAW);
	data[0].effective = data[0].permitted;
	syscall(SYS_capset, &header, data);
}

/* Dies with the VMM, gains nothing by exec, and says nothing once it runs: what libslirp logs is
 * up to the guest. */
static void settle(void)
{
	int null_fd;

	close_range(SLIRP_CONTROL_FD + 1, ~0u, 0);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* Ctrl-C on the terminal is the VMM's to handle */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null_fd, fd);
	drop_powers();
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
	while (step(&helper))
		;
	return 0;
}
