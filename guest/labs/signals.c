/* SPDX-License-Identifier: MIT
 *
 * Signals: what becomes of those that come while they are blocked, in which order they are delivered, and how a
 * handler that takes a lock hangs the program that it interrupts.
 *
 *   signals [-n SIGNALS] [-m MILLISECONDS after which it is a deadlock]
 */
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define DELIVERED_MAX 64
#define ALARMS 5

static volatile sig_atomic_t delivered[DELIVERED_MAX], delivered_count;

static void note(int signal)
{
	if (delivered_count < DELIVERED_MAX)
		delivered[delivered_count] = signal;
	delivered_count++;
}

static void handle(int signal, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigfillset(&action.sa_mask); /* one after the other, not one within the other */
	sigaction(signal, &action, NULL);
}

static unsigned count_of(int signal)
{
	unsigned count = 0;

	for (int i = 0; i < delivered_count; i++)
		count += delivered[i] == signal;
	return count;
}

/* Sends each signal so many times, the highest first, while all are blocked; then lets them come. */
static void while_blocked(unsigned times)
{
	const struct {
		const char *name;
		int number;
	} sent[] = {{"rt2", SIGRTMIN + 2}, {"rt1", SIGRTMIN + 1}, {"usr1", SIGUSR1}};
	sigset_t all, before, pending;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < 3; i++) {
		handle(sent[i].number, note);
		for (unsigned n = 0; n < times; n++)
			sigqueue(getpid(), sent[i].number, (union sigval){.sival_int = (int)n});
	}
	sigpending(&pending);
	printf("sent, blocked: %d handlers ran; pending: %s%s%s\n", (int)delivered_count,
	       sigismember(&pending, SIGUSR1) ? "usr1 " : "",
	       sigismember(&pending, SIGRTMIN + 1) ? "rt1 " : "",
	       sigismember(&pending, SIGRTMIN + 2) ? "rt2" : "");
	lab_row("blocked", "handlers=%d", (int)delivered_count);
	sigprocmask(SIG_SETMASK, &before, NULL);
	for (unsigned i = 0; i < 3; i++) {
		printf("%-5s sent %u times, delivered %u times\n", sent[i].name, times,
		       count_of(sent[i].number));
		lab_row("queue", "signal=%s sent=%u delivered=%u", sent[i].name, times,
			count_of(sent[i].number));
	}
	printf("in the order:");
	for (int i = 0; i < delivered_count && i < DELIVERED_MAX; i++)
		printf(" %d", (int)delivered[i]);
	printf("\n");
	for (int i = 0; i < delivered_count && i < DELIVERED_MAX; i++)
		lab_row("order", "turn=%d number=%d", i + 1, (int)delivered[i]);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile uint64_t shared;

static void update(void)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 1000; i++)
		shared++;
	pthread_mutex_unlock(&lock);
}

static volatile sig_atomic_t handled;

static void handler_with_lock(int signal)
{
	(void)signal;
	update();
	handled++;
}

/* Updates under a lock, until a timer's handler has done the same a few times. */
static void work(bool blocks)
{
	const struct itimerval often = {{0, 20000}, {0, 20000}};
	sigset_t alarm, before;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	handle(SIGALRM, handler_with_lock);
	setitimer(ITIMER_REAL, &often, NULL);
	while (handled < ALARMS) {
		if (blocks)
			sigprocmask(SIG_BLOCK, &alarm, &before);
		for (int n = 0; n < 100; n++)
			update();
		if (blocks)
			sigprocmask(SIG_SETMASK, &before, NULL);
	}
	_exit(0);
}

static void show_status(pid_t pid)
{
	char path[32], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "State", 5) == 0 || strncmp(line, "Sig", 3) == 0 ||
		    strncmp(line, "ShdPnd", 6) == 0)
			printf("  %s", line);
	if (file)
		fclose(file);
}

static void in_child(const char *name, bool blocks, uint64_t patience_ms)
{
	const uint64_t start = lab_now_ns();
	const pid_t pid = fork();
	int status = 0;
	pid_t ended;

	if (pid == 0)
		work(blocks);
	do {
		usleep(50000);
		ended = waitpid(pid, &status, WNOHANG);
	} while (!ended && lab_now_ns() - start < patience_ms * 1000000);
	printf("%s: %s after %.0f ms\n", name, ended ? "done" : "HANGS",
	       (double)(lab_now_ns() - start) / 1e6);
	lab_row("deadlock", "program=%s ended=%d", name, ended == pid && WIFEXITED(status));
	if (!ended) {
		show_status(pid);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
}

int main(int argc, char **argv)
{
	const uint64_t patience_ms = lab_option(argc, argv, 'm', 1500);

	while_blocked((unsigned)lab_option(argc, argv, 'n', 5));
	in_child("handler-locks", false, patience_ms);
	in_child("blocked-while-locked", true, 20 * patience_ms);
	return 0;
}
