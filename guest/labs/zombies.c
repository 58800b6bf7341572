/* SPDX-License-Identifier: MIT
 *
 * A process's end has two halves: it exits, and its parent asks how. Between the two it is a zombie. A process
 * whose parent ends first is an orphan, and gets another parent. A watcher draws both from /proc/PID/stat.
 *
 *   zombies [-m MILLISECONDS per step] [-s: be the one who takes orphans in]
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

static uint64_t step_ms;

struct watched {
	const char *name;
	pid_t pid, first_parent, parent;
	const char *phase; /* NULL: not there */
	uint64_t since_ns;
};

static void pause_ms(uint64_t ms)
{
	const struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)};

	nanosleep(&time, NULL);
}

/* R and S take turns too fast to matter here: a zombie, or alive. '-': there is no such process. */
static char read_state(pid_t pid, pid_t *parent)
{
	char path[32], text[256], state = '-';

	*parent = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return state;
	const ssize_t bytes = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[bytes > 0 ? bytes : 0] = '\0';
	if (strrchr(text, ')')) /* the program's name may hold anything */
		sscanf(strrchr(text, ')'), ") %c %d", &state, parent);
	return state;
}

static const char *phase_of(struct watched *w, pid_t *parent)
{
	const char state = read_state(w->pid, parent);

	if (state == '-')
		return NULL;
	if (state == 'Z')
		return "zombie";
	return *parent == w->first_parent ? "alive" : "adopted";
}

/* A row for each phase, when it is over. */
static void look(struct watched *w, uint64_t start_ns)
{
	pid_t parent;
	const char *phase = phase_of(w, &parent);
	const uint64_t now = lab_now_ns();

	if (phase == w->phase)
		return;
	if (w->phase) {
		printf("%6.0f ms: %s was %s, its parent %d\n", (double)(now - start_ns) / 1e6,
		       w->name, w->phase, w->parent);
		lab_row("life", "process=%s phase=%s parent=%d from_ms=%.1f to_ms=%.1f", w->name,
			w->phase, w->parent, (double)(w->since_ns - start_ns) / 1e6,
			(double)(now - start_ns) / 1e6);
	}
	w->phase = phase;
	w->parent = parent;
	w->since_ns = now;
}

static pid_t start_child(void)
{
	const pid_t pid = fork();

	if (pid == 0) {
		pause_ms(step_ms);
		_exit(7);
	}
	return pid;
}

/* The orphan to be: goes on for two steps after its parent has ended. */
static void be_orphan(void)
{
	const pid_t parent = getppid();

	while (getppid() == parent)
		pause_ms(step_ms / 20);
	pause_ms(2 * step_ms);
	_exit(0);
}

/* A child that has a child, and ends before it. */
static pid_t start_middle(pid_t *orphan)
{
	int ends[2];

	if (pipe(ends))
		lab_die("pipe");
	const pid_t middle = fork();

	if (middle == 0) {
		const pid_t pid = fork();

		if (pid == 0)
			be_orphan();
		if (write(ends[1], &pid, sizeof(pid)) != sizeof(pid))
			_exit(1);
		pause_ms(2 * step_ms);
		_exit(0);
	}
	if (read(ends[0], orphan, sizeof(*orphan)) != sizeof(*orphan))
		lab_die("middle");
	return middle;
}

static void kill_a_zombie(pid_t pid)
{
	const int result = kill(pid, SIGKILL);
	pid_t parent;

	pause_ms(step_ms / 4);
	const char state = read_state(pid, &parent);

	printf("kill -9 of the zombie: %s, and its state is still %c\n",
	       result ? "refused" : "accepted", state);
	lab_row("kill", "accepted=%d state=%c", !result, state);
}

static bool is_zombie(const struct watched *w, uint64_t steps)
{
	return w->phase && w->phase[0] == 'z' &&
	       lab_now_ns() - w->since_ns >= steps * step_ms * 1000000;
}

/* Until the first two have gone and the third has ended. The two zombies are asked for when both have been dead for a step. */
static void watch(struct watched all[3])
{
	const uint64_t start = lab_now_ns();
	bool killed = false, goes_on = true;
	int status = -1;

	while (goes_on) {
		for (unsigned i = 0; i < 3; i++)
			look(&all[i], start);
		goes_on = all[0].phase || all[1].phase || (all[2].phase && !is_zombie(&all[2], 2));
		if (!killed && is_zombie(&all[0], 0) && (killed = true))
			kill_a_zombie(all[0].pid);
		if (status < 0 && is_zombie(&all[0], 1) && is_zombie(&all[1], 1)) {
			waitpid(all[0].pid, &status, 0);
			waitpid(all[1].pid, NULL, 0);
		}
		pause_ms(step_ms / 20);
		while (status >= 0 && waitpid(-1, NULL, WNOHANG) > 0)
			; /* with -s the orphan is ours, too */
	}
	printf("the child's exit status, kept all that time: %d\n", WEXITSTATUS(status));
	lab_row("end", "status=%d watcher=%d", WEXITSTATUS(status), getpid());
}

int main(int argc, char **argv)
{
	struct watched all[3] = {{.name = "child"}, {.name = "middle"}, {.name = "orphan"}};

	step_ms = lab_option(argc, argv, 'm', 400);
	if (lab_flag(argc, argv, 's'))
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	all[0].pid = start_child();
	all[1].pid = start_middle(&all[2].pid);
	all[0].first_parent = all[1].first_parent = getpid();
	all[2].first_parent = all[1].pid;
	watch(all);
	return 0;
}
