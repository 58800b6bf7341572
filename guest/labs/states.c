/* SPDX-License-Identifier: MIT
 *
 * The states of processes over time, as a watcher finds them in /proc: R (runs or wants to), S (sleeps), D (waits
 * for a disk), T (stopped), Z (ended, and not asked for yet).
 *
 *   states [-m MILLISECONDS] [-d DISK]
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define BLOCK_BYTES 4096

static const char *disk;
static uint64_t length_ms;

static void loop(void)
{
	for (volatile uint64_t i = 0;; i++)
		;
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
	char state;
	uint64_t since_ns;
} all[] = {
	{.name = "loop", .work = loop},	       {.name = "doze", .work = doze},
	{.name = "stopped", .work = loop},     {.name = "ended", .work = end_soon},
	{.name = "reader", .work = read_disk},
};

static char state_of(pid_t pid)
{
	char path[32], text[256];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t bytes = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
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
	const char state = state_of(w->pid);
	const uint64_t now = lab_now_ns();

	if (state == w->state)
		return;
	report(w, start_ns, now);
	w->state = state;
	w->since_ns = now;
}

static void watch(unsigned count)
{
	const uint64_t start = lab_now_ns();
	uint64_t ms = 0, samples = 0;

	for (; ms < length_ms; samples++) {
		for (unsigned i = 0; i < count; i++)
			look(&all[i], start);
		usleep((useconds_t)(length_ms * 1000 / 100));
		if (ms < length_ms / 3 && (lab_now_ns() - start) / 1000000 >= length_ms / 3)
			kill(all[2].pid, SIGSTOP);
		if (ms < length_ms * 2 / 3 && (lab_now_ns() - start) / 1000000 >= length_ms * 2 / 3)
			kill(all[2].pid, SIGCONT);
		ms = (lab_now_ns() - start) / 1000000;
	}
	for (unsigned i = 0; i < count; i++)
		report(&all[i], start, lab_now_ns());
	printf("%lu samples in %lu ms\n", samples, ms);
}

int main(int argc, char **argv)
{
	unsigned count = sizeof(all) / sizeof(*all);

	length_ms = lab_option(argc, argv, 'm', 2000);
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "-d") == 0)
			disk = argv[i + 1];
	count -= !disk;
	for (unsigned i = 0; i < count; i++)
		if ((all[i].pid = fork()) == 0)
			all[i].work();
	watch(count);
	for (unsigned i = 0; i < count; i++)
		kill(all[i].pid, SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}
