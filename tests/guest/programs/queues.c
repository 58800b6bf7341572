/* SPDX-License-Identifier: MIT
 *
 * POSIX message queues: priorities, limits, time limits, and being told of a message.
 */
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>

#include "check.h"

#define NAME "/vitrine-test"

static struct timespec in_ms(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void messages(mqd_t queue)
{
	char text[32] = "";
	unsigned priority = 0;

	need(!mq_send(queue, "low", 3, 1) && !mq_send(queue, "high", 4, 9) &&
	     !mq_send(queue, "low2", 4, 1));
	check("the highest priority first", mq_receive(queue, text, 32, &priority) == 4 &&
						    priority == 9 && !memcmp(text, "high", 4));
	check("then in order", mq_receive(queue, text, 32, &priority) == 3 && priority == 1 &&
				       mq_receive(queue, text, 32, NULL) == 4 && text[3] == '2');
	check_fails("too small a buffer", mq_receive(queue, text, 31, NULL), EMSGSIZE);
	check_fails("too long a message", mq_send(queue, text, 33, 0), EMSGSIZE);
	check_fails("too high a priority", mq_send(queue, text, 1, 1 << 20), EINVAL);
	check("an empty message",
	      !mq_send(queue, "", 0, 0) && mq_receive(queue, text, 32, NULL) == 0);
}

static void limits(mqd_t queue)
{
	char text[32];
	struct mq_attr attr, nonblock = {.mq_flags = O_NONBLOCK};
	struct timespec soon = in_ms(50);
	struct pollfd p = {.fd = (int)queue, .events = POLLIN | POLLOUT};

	check_fails("mq_timedreceive: in time", mq_timedreceive(queue, text, 32, NULL, &soon),
		    ETIMEDOUT);
	check("poll: writable", poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
	for (int i = 0; i < 4; i++)
		need(!mq_send(queue, "x", 1, 0));
	check("mq_getattr", !mq_getattr(queue, &attr) && attr.mq_curmsgs == 4 &&
				    attr.mq_maxmsg == 4 && attr.mq_msgsize == 32);
	check("poll: readable", poll(&p, 1, 0) == 1 && p.revents == POLLIN);
	soon = in_ms(50);
	check_fails("mq_timedsend: full", mq_timedsend(queue, "x", 1, 0, &soon), ETIMEDOUT);
	check("mq_setattr", !mq_setattr(queue, &nonblock, NULL));
	check_fails("O_NONBLOCK: full", mq_send(queue, "x", 1, 0), EAGAIN);
	for (int i = 0; i < 4; i++)
		need(mq_receive(queue, text, 32, NULL) == 1);
	check_fails("O_NONBLOCK: empty", mq_receive(queue, text, 32, NULL), EAGAIN);
	nonblock.mq_flags = 0;
	need(!mq_setattr(queue, &nonblock, NULL));
}

static int answer(void *unused)
{
	mqd_t queue = mq_open(NAME, O_WRONLY);

	(void)unused;
	sleep_ms(50);
	return mq_send(queue, "answer", 6, 0);
}

static void between_processes(mqd_t queue)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	char text[32];
	sigset_t set;
	siginfo_t info;
	pid_t pid = child_start(answer, NULL);

	check("mq_receive waits", mq_receive(queue, text, 32, NULL) == 6 && child_end(pid) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	need(!sigprocmask(SIG_BLOCK, &set, NULL));
	if (mq_notify(queue, &event) && errno == ENOSYS) {
		check_skip("mq_notify", "this kernel has none");
		return;
	}
	check_fails("mq_notify: one only", mq_notify(queue, &event), EBUSY);
	pid = child_start(answer, NULL);
	check("mq_notify", sigwaitinfo(&set, &info) == SIGUSR1 && info.si_code == SI_MESGQ &&
				   child_end(pid) == 0);
	need(mq_receive(queue, text, 32, NULL) == 6);
}

int main(void)
{
	struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 32};
	mqd_t queue;

	mq_unlink(NAME);
	check_fails("mq_open: none", mq_open(NAME, O_RDWR), ENOENT);
	queue = mq_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	if (queue == (mqd_t)-1 && errno == ENOSYS) {
		check_skip("message queues", "this kernel has none");
		return check_end();
	}
	need(queue != (mqd_t)-1);
	check_fails("O_EXCL", mq_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0600, &attr), EEXIST);
	messages(queue);
	limits(queue);
	between_processes(queue);
	check("mq_unlink", !mq_unlink(NAME) && mq_open(NAME, O_RDWR) == (mqd_t)-1);
	check("an unlinked queue lives on", !mq_send(queue, "x", 1, 0) && !mq_close(queue));
	return check_end();
}
