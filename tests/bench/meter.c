/* SPDX-License-Identifier: MIT
 *
 * meter LIMIT_S LAST VMM ARGUMENT… — starts a VMM and, for each line of its guest that begins with
 * "@@ ", prints one line "figures: mark=WORD name=value …", WORD being the next word; after the
 * mark LAST it kills the VMM. Runs in the AMD-V sandbox (see bench-boot, bench-virtio), where the
 * clock counts instructions.
 *
 * Time and CPU time are since exec; exits and faults are KVM's own counters in debugfs; memory is
 * from smaps, where guest RAM is what is called guest-ram or is 200 MiB or larger, and is counted
 * apart. All of them are sums over the VMM and its descendants. Counting takes some ms: a guest
 * that wants to measure what follows a mark sleeps first.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FAMILY_MAX = 64, OUTPUT_MAX = 1 << 16, RAM_BYTES_MIN = 200 << 20 };

static const char mark[] = "@@ ";

struct family {
	pid_t pids[FAMILY_MAX];
	int count;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* A process and all its descendants, in pids[]: each one found brings its own children behind it. */
static void family_find(struct family *family, pid_t first)
{
	family->pids[0] = first;
	family->count = 1;
	for (int i = 0; i < family->count; i++) {
		char pattern[64];
		glob_t tasks;

		snprintf(pattern, sizeof pattern, "/proc/%d/task/*/children", family->pids[i]);
		if (glob(pattern, 0, NULL, &tasks))
			continue;
		for (size_t t = 0; t < tasks.gl_pathc; t++) {
			FILE *children = fopen(tasks.gl_pathv[t], "re");

			while (children && family->count < FAMILY_MAX &&
			       fscanf(children, "%d", &family->pids[family->count]) == 1)
				family->count++;
			if (children)
				fclose(children);
		}
		globfree(&tasks);
	}
}

/* How many files match: pattern has one %d for the process. */
static int family_count(const struct family *family, const char *pattern)
{
	int count = 0;

	for (int i = 0; i < family->count; i++) {
		char path[64];
		glob_t files;

		snprintf(path, sizeof path, pattern, family->pids[i]);
		if (glob(path, 0, NULL, &files))
			continue;
		count += files.gl_pathc;
		globfree(&files);
	}
	return count;
}

/* The sum of the first number in each file whose name matches: pattern has one %d for the process. */
static double family_sum(const struct family *family, const char *pattern)
{
	double sum = 0, value;

	for (int i = 0; i < family->count; i++) {
		char path[128];
		glob_t files;

		snprintf(path, sizeof path, pattern, family->pids[i]);
		if (glob(path, 0, NULL, &files))
			continue;
		for (size_t f = 0; f < files.gl_pathc; f++) {
			FILE *file = fopen(files.gl_pathv[f], "re");

			if (file && fscanf(file, "%lf", &value) == 1)
				sum += value;
			if (file)
				fclose(file);
		}
		globfree(&files);
	}
	return sum;
}

static void print_kvm_counters(const struct family *family)
{
	static const char *const names[] = {"exits",	    "io_exits",	      "mmio_exits",
					    "halt_exits",   "irq_exits",      "irq_injections",
					    "signal_exits", "insn_emulation", "pf_fixed"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char pattern[96];

		snprintf(pattern, sizeof pattern, "/sys/kernel/debug/kvm/%%d-*/%s", names[i]);
		printf(" %s=%.0f", names[i], family_sum(family, pattern));
	}
}

struct memory_kb {
	long private_dirty;
	long resident;
	long guest_ram;
};

static void add_smaps(struct memory_kb *sum, pid_t pid)
{
	unsigned long begin, end;
	char path[64], line[4096];
	int is_ram = 0;
	FILE *smaps;
	long kb;

	snprintf(path, sizeof path, "/proc/%d/smaps", pid);
	smaps = fopen(path, "re");
	while (smaps && fgets(line, sizeof line, smaps)) {
		if (sscanf(line, "%lx-%lx %*s", &begin, &end) == 2)
			is_ram = end - begin >= RAM_BYTES_MIN || strstr(line, "guest-ram");
		else if (sscanf(line, "Rss: %ld", &kb) == 1)
			*(is_ram ? &sum->guest_ram : &sum->resident) += kb;
		else if (sscanf(line, "Private_Dirty: %ld", &kb) == 1 && !is_ram)
			sum->private_dirty += kb;
	}
	if (smaps)
		fclose(smaps);
}

static void print_figures(pid_t vmm, const char *mark, double time_ms)
{
	struct family family;
	struct memory_kb memory = {0};

	family_find(&family, vmm);
	printf("figures: mark=%.*s time_ms=%.3f", (int)strcspn(mark, " \r\n"), mark, time_ms);
	print_kvm_counters(&family);
	printf(" processes=%d threads=%d fds=%d", family.count,
	       family_count(&family, "/proc/%d/task/*"), family_count(&family, "/proc/%d/fd/*"));
	printf(" cpu_ms=%.2f", family_sum(&family, "/proc/%d/task/*/schedstat") / 1e6);
	for (int i = 0; i < family.count; i++)
		add_smaps(&memory, family.pids[i]);
	printf(" private_dirty_kb=%ld resident_kb=%ld guest_ram_kb=%ld\n", memory.private_dirty,
	       memory.resident, memory.guest_ram);
	fflush(stdout);
}

/* The VMM with its output on a pipe, and an input that stays silent. */
static pid_t start(char **argv, int *output)
{
	int in[2], out[2];
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		err(1, "pipe");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		execvp(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	close(out[1]);
	*output = out[0];
	return pid;
}

/* Output that has come, and how much of it has been looked at. */
struct output {
	int fd;
	size_t have, seen;
	char text[OUTPUT_MAX];
};

/* The next whole line, or NULL when output or patience has ended. *time_ms: when its end came. */
static char *next_line(struct output *out, double deadline_ms, double *time_ms)
{
	struct pollfd readable = {.fd = out->fd, .events = POLLIN};
	char *line, *end;

	while (!(end = strchr(out->text + out->seen, '\n'))) {
		ssize_t len;

		if (out->have == OUTPUT_MAX - 1 || now_ms() >= deadline_ms)
			return NULL;
		if (poll(&readable, 1, deadline_ms - now_ms()) <= 0)
			continue;
		len = read(out->fd, out->text + out->have, OUTPUT_MAX - 1 - out->have);
		if (len <= 0)
			return NULL;
		*time_ms = now_ms();
		out->have += len;
		out->text[out->have] = 0;
	}
	line = out->text + out->seen;
	out->seen = end + 1 - out->text;
	return line;
}

/* Prints figures for each mark; 0 when LAST has come. */
static int follow(struct output *out, pid_t vmm, const char *last, double begin_ms, double limit_ms)
{
	double time_ms = 0;
	char *line, *found;

	while ((line = next_line(out, begin_ms + limit_ms, &time_ms))) {
		found = strstr(line, mark);
		if (!found || found > strchr(line, '\n'))
			continue;
		found += strlen(mark);
		print_figures(vmm, found, time_ms - begin_ms);
		if (strcspn(found, " \r\n") == strlen(last) &&
		    strncmp(found, last, strlen(last)) == 0)
			return 0;
	}
	return -1;
}

int main(int argc, char **argv)
{
	static struct output out;
	double begin_ms;
	int status;
	pid_t vmm;

	if (argc < 4)
		errx(2, "usage: meter LIMIT_S LAST VMM ARGUMENT...");
	begin_ms = now_ms();
	vmm = start(argv + 3, &out.fd);
	if (follow(&out, vmm, argv[2], begin_ms, atof(argv[1]) * 1e3) == 0) {
		kill(vmm, SIGKILL);
		waitpid(vmm, &status, 0);
		return 0;
	}
	kill(vmm, SIGKILL);
	waitpid(vmm, &status, 0);
	if (WIFEXITED(status))
		printf("failed: status %d before the mark %s\n%s\n", WEXITSTATUS(status), argv[2],
		       out.text);
	else
		printf("failed: no mark %s in %s s\n%s\n", argv[2], argv[1], out.text);
	return 1;
}
