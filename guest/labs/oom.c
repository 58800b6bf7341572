/* SPDX-License-Identifier: MIT
 *
 * When there is no memory at all: whom the kernel ends, in which order, and who goes on.
 *
 *   oom
 *
 * Some processes hold memory, of known size and with a known oom_score_adj. Then one more, whom the kernel must
 * not end, eats whatever is left, until the third of them is dead.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096
#define NOT_THIS_ONE (-1000)
#define DEATHS 3
#define HOLDERS 5

static struct holder {
	const char *name;
	unsigned percent; /* of the memory that is free at first */
	int adjust;	  /* oom_score_adj: thousandths of all memory that count in addition */
	pid_t pid;
} holders[HOLDERS] = {
	{"spared", 45, NOT_THIS_ONE, 0},
	{"large", 12, 0, 0},
	{"middle", 8, 0, 0},
	{"small", 5, 0, 0},
	{"chosen", 3, 500, 0},
};

static void set_adjust(int adjust)
{
	FILE *file = fopen("/proc/self/oom_score_adj", "we");

	if (!file || fprintf(file, "%d", adjust) < 0 || fclose(file))
		lab_die("/proc/self/oom_score_adj");
}

static void take(uint64_t pages)
{
	volatile char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (uint64_t i = 0; memory != MAP_FAILED && i < pages; i++)
		memory[i * PAGE] = 1;
}

/* Starts one and waits until it has its memory. */
static void start(struct holder *holder, uint64_t pages)
{
	int ready[2];
	char byte;

	if (pipe(ready))
		lab_die("pipe");
	holder->pid = fork();
	if (!holder->pid) {
		set_adjust(holder->adjust);
		take(pages);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (holder->pid < 0 || read(ready[0], &byte, 1) != 1)
		lab_die(holder->name);
	close(ready[0]);
	printf("%-8s holds %5lu pages, oom_score_adj %5d\n", holder->name, pages, holder->adjust);
}

/* It inherits what protects its parent, and begins when it reads from go. */
static pid_t start_eater(int go)
{
	const pid_t pid = fork();
	char byte;

	if (pid)
		return pid;
	while (read(go, &byte, 1) == 1)
		for (;;)
			take(16);
	_exit(1);
}

static const char *name_of(pid_t pid)
{
	for (unsigned i = 0; i < HOLDERS; i++)
		if (holders[i].pid == pid)
			return holders[i].name;
	return "eater";
}

int main(void)
{
	const uint64_t room = lab_file_value("/proc/meminfo", "MemFree") / (PAGE / 1024);
	const uint64_t kills = lab_file_value("/proc/vmstat", "oom_kill");
	int status, go[2];

	if (pipe(go) || mlockall(MCL_CURRENT | MCL_FUTURE))
		lab_die("mlockall");
	set_adjust(NOT_THIS_ONE);
	printf("%lu pages are free\n", room);
	for (unsigned i = 0; i < HOLDERS; i++)
		start(&holders[i], room * holders[i].percent / 100);
	const pid_t eater = start_eater(go[0]);

	/* This process will need no memory: what fork() has made copy-on-write is written before. */
	lab_row("free", "pages=%lu", lab_file_value("/proc/meminfo", "MemFree") / (PAGE / 1024));
	if (write(go[1], "g", 1) != 1)
		lab_die("pipe");

	for (unsigned death = 1; death <= DEATHS; death++) {
		const pid_t pid = waitpid(-1, &status, 0);

		printf("death %u: %s, by signal %d\n", death, name_of(pid), WTERMSIG(status));
		lab_row("death", "number=%u who=%s signal=%d", death, name_of(pid),
			WTERMSIG(status));
	}
	kill(eater, SIGKILL);
	for (unsigned i = 0; i < HOLDERS; i++) {
		const bool alive = !kill(holders[i].pid, SIGKILL);

		lab_row("holder", "who=%s percent=%u adjust=%d state=%s", holders[i].name,
			holders[i].percent, holders[i].adjust, alive ? "alive" : "dead");
	}
	printf("the kernel says that it ended %lu; init is %s\n",
	       lab_file_value("/proc/vmstat", "oom_kill") - kills, kill(1, 0) ? "gone" : "alive");
	lab_row("end", "kills=%lu init=%s", lab_file_value("/proc/vmstat", "oom_kill") - kills,
		kill(1, 0) ? "gone" : "alive");
	return 0;
}
