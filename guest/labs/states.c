/* SPDX-License-Identifier: MIT
 *
 * The states of processes over time, as a watcher finds them in /proc: R (runs or wants to), S (sleeps), D (waits
 * for a disk), T (stopped), Z (ended, and not asked for yet).
 *
 *   states [-m MILLISECONDS] [-d DISK]
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define BLOCK_BYTES 4096

static const char *disk;
static uint64_t length_ms;

static void be(int policy, int priority)
{
	const struct sched_param parameter = {.sched_priority = priority};

	syscall(SYS_sched_setscheduler, 0, policy, &parameter); /* musl's own refuses */
}

static void loop(void)
{
	for (volatile uint64_t i = 0;; i++)
		;
}

static void sleep_on(void)
{
	for (;;)
		pause();
}

/* Asleep and awake in turn. */
static void doze(void)
{
	for (;;) {
		const uint64_t until = lab_now_ns() + length_ms * 1000000 / 8;

		usleep((useconds_t)(length_ms * 1000 / 8));
		while (lab_now_ns() < until + length_ms * 1000000 / 8)
			;
	}
}

/* Past the page cache, here and there, so that each read has to wait for the disk's heads. */
static void read_disk(void)
{
	static char block[BLOCK_BYTES] __attribute__((aligned(BLOCK_BYTES)));
	const int fd = open(disk, O_RDONLY | O_DIRECT);
	const off_t blocks = lseek(fd, 0, SEEK_END) / BLOCK_BYTES;

	if (fd < 0 || blocks < 1)
		lab_die(disk);
	for (off_t at = 0;; at = (at + blocks * 5 / 8) % blocks)
		if (pread(fd, block, sizeof(block), at * BLOCK_BYTES) != sizeof(block))
			lab_die(disk);
}

static void end_soon(void)
{
	usleep((useconds_t)(length_ms * 1000 / 2));
	_exit(0);
}

static struct watched {
	const char *name;
	void (*work)(void);
	pid_t pid;
	int stat_fd;
	char state;
	uint64_t since_ns;
} all[] = {
	/* First, because a look at one takes longer than a read of the disk where the kernel is slow. */
	{.name = "reader", .work = read_disk}, {.name = "loop", .work = loop},
	{.name = "doze", .work = doze},	       {.name = "stopped", .work = sleep_on},
	{.name = "ended", .work = end_soon},
};
enum { COUNT = sizeof(all) / sizeof(*all), STOPPED = 3 };

static int open_stat(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		lab_die(path);
	return fd;
}

/* "PID (NAME) STATE …"; each read at the beginning makes the text anew. */
static char read_state(int stat_fd)
{
	char text[256];
	const ssize_t bytes = pread(stat_fd, text, sizeof(text) - 1, 0);

	text[bytes > 0 ? bytes : 0] = '\0';
	return strrchr(text, ')') ? strrchr(text, ')')[2] : '-';
}

static void report(const struct watched *w, uint64_t start_ns, uint64_t now_ns)
{
	if (w->state)
		lab_row("life", "process=%s state=%c from_ms=%.1f to_ms=%.1f", w->name, w->state,
			(double)(w->since_ns - start_ns) / 1e6, (double)(now_ns - start_ns) / 1e6);
}

/* One sample; what is the same as before only grows longer. */
static void look(struct watched *w, uint64_t start_ns)
{
	const char state = read_state(w->stat_fd);
	const uint64_t now = lab_now_ns();

	if (state == w->state)
		return;
	report(w, start_ns, now);
	w->state = state;
	w->since_ns = now;
}

/* Stops one of them for the middle third of the time. */
static void stop_and_continue(uint64_t ms)
{
	static int sent;
	const int signal = ms < length_ms / 3 ? 0 : ms < length_ms * 2 / 3 ? SIGSTOP : SIGCONT;

	if (signal && signal != sent)
		kill(all[STOPPED].pid, signal);
	sent = signal;
}

/* Of the processes from first on. Leaves them at least half of the time. */
static void watch(unsigned first)
{
	const uint64_t start = lab_now_ns();
	uint64_t ms = 0, samples = 0;

	for (; ms < length_ms; samples++) {
		const uint64_t before = lab_now_ns();

		for (unsigned i = first; i < COUNT; i++)
			look(&all[i], start);
		stop_and_continue(ms);
		usleep((useconds_t)(length_ms * 1000 / 200 + (lab_now_ns() - before) / 1000));
		ms = (lab_now_ns() - start) / 1000000;
	}
	for (unsigned i = first; i < COUNT; i++)
		report(&all[i], start, lab_now_ns());
	printf("%lu samples in %lu ms\n", samples, ms);
}

int main(int argc, char **argv)
{
	unsigned first;

	length_ms = lab_option(argc, argv, 'm', 2000);
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "-d") == 0)
			disk = argv[i + 1];
	first = disk ? 0 : 1;
	be(SCHED_FIFO, 1); /* may fail; else the loops would leave the watcher little to see */
	for (unsigned i = first; i < COUNT; i++)
		if ((all[i].pid = fork()) == 0) {
			be(SCHED_OTHER, 0);
			if (all[i].work != read_disk &&
			    nice(19) < 0) /* its few instructions go first */
				lab_die("nice");
			all[i].work();
		}
	for (unsigned i = first; i < COUNT; i++)
		all[i].stat_fd = open_stat(all[i].pid);
	watch(first);
	for (unsigned i = first; i < COUNT; i++)
		kill(all[i].pid, SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}
