/* SPDX-License-Identifier: MIT
 *
 * What a kernel's basic services cost, in ticks of the TSC: run as the first program of a guest whose clock
 * counts instructions, it prints instructions, of program and kernel together (`make bench-guest`). One plain
 * Linux program, so that two kernels can be given the same work. A line per service: "cost NAME TICKS" (of
 * the cheapest of several rounds, per item). As process 1 it powers off at the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 5
#define PAGE 4096

static const char *self;

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static void need(int good, const char *what)
{
	if (good)
		return;
	printf("kernel-cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t null_call(unsigned count)
{
	const uint64_t start = ticks();

	for (unsigned i = 0; i < count; i++)
		syscall(SYS_getppid);
	return ticks() - start;
}

/* Faults alone: the mapping is made and taken away outside of what is timed. */
static uint64_t anonymous_fault(unsigned count)
{
	char *at = mmap(NULL, (size_t)count * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t start, took;

	need(at != MAP_FAILED, "mmap");
	madvise(at, (size_t)count * PAGE, MADV_NOHUGEPAGE);
	at[0] = 1; /* page tables */
	start = ticks();
	for (unsigned i = 1; i < count; i++)
		((volatile char *)at)[(size_t)i * PAGE] = 1;
	took = ticks() - start;
	munmap(at, (size_t)count * PAGE);
	return took;
}

static uint64_t cow_fault(unsigned count)
{
	char *at = mmap(NULL, (size_t)count * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t *took = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			      0);
	uint64_t result;
	pid_t child;

	need(at != MAP_FAILED && took != MAP_FAILED, "mmap");
	madvise(at, (size_t)count * PAGE, MADV_NOHUGEPAGE);
	memset(at, 1, (size_t)count * PAGE);
	child = fork();
	need(child >= 0, "fork");
	if (!child) {
		const uint64_t start = ticks();

		for (unsigned i = 0; i < count; i++)
			((volatile char *)at)[(size_t)i * PAGE] = 2;
		*took = ticks() - start;
		_exit(0);
	}
	waitpid(child, NULL, 0);
	result = *took;
	munmap(at, (size_t)count * PAGE);
	munmap(took, PAGE);
	return result;
}

/* A byte there and back, so two switches and four calls. */
static uint64_t pipe_round_trip(unsigned count)
{
	int there[2], back[2];
	uint64_t start, took;
	char byte = 0;
	pid_t child;

	need(!pipe(there) && !pipe(back), "pipe");
	child = fork();
	need(child >= 0, "fork");
	if (!child) {
		close(there[1]);
		while (read(there[0], &byte, 1) == 1)
			need(write(back[1], &byte, 1) == 1, "write");
		_exit(0);
	}
	start = ticks();
	for (unsigned i = 0; i < count; i++)
		need(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1, "pipe");
	took = ticks() - start;
	close(there[0]), close(there[1]), close(back[0]), close(back[1]);
	waitpid(child, NULL, 0);
	return took;
}

/* Two processes that yield to each other; only turns that really changed hands are counted. */
static uint64_t context_switch(unsigned count)
{
	volatile struct {
		uint32_t last, turns, stop;
	} *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t start, took;
	uint32_t turns;
	pid_t child;

	need(shared != MAP_FAILED, "mmap");
	child = fork();
	need(child >= 0, "fork");
	if (!child) {
		while (!shared->stop) {
			if (shared->last != 1) {
				shared->last = 1;
				shared->turns++;
			}
			sched_yield();
		}
		_exit(0);
	}
	sched_yield();
	start = ticks();
	shared->turns = 0;
	while (shared->turns < count) {
		if (shared->last != 2) {
			shared->last = 2;
			shared->turns++;
		}
		sched_yield();
	}
	took = ticks() - start;
	turns = shared->turns;
	shared->stop = 1;
	waitpid(child, NULL, 0);
	munmap((void *)shared, PAGE);
	return took * count / turns;
}

static uint64_t fork_wait(unsigned count)
{
	const uint64_t start = ticks();

	for (unsigned i = 0; i < count; i++) {
		const pid_t child = fork();

		if (!child)
			_exit(0);
		need(child > 0 && waitpid(child, NULL, 0) == child, "fork");
	}
	return ticks() - start;
}

static uint64_t fork_exec_wait(unsigned count)
{
	const uint64_t start = ticks();

	for (unsigned i = 0; i < count; i++) {
		const pid_t child = fork();

		if (!child) {
			execl(self, self, "exit", (char *)NULL);
			_exit(127);
		}
		need(child > 0 && waitpid(child, NULL, 0) == child, "fork");
	}
	return ticks() - start;
}

static uint64_t file_read(unsigned count)
{
	const int fd = open("/tmp-file", O_CREAT | O_RDWR, 0600);
	char page[PAGE] = {0};
	uint64_t start, took;

	need(fd >= 0 && write(fd, page, PAGE) == PAGE, "write");
	start = ticks();
	for (unsigned i = 0; i < count; i++)
		need(pread(fd, page, PAGE, 0) == PAGE, "pread");
	took = ticks() - start;
	close(fd);
	unlink("/tmp-file");
	return took;
}

static uint64_t open_close(unsigned count)
{
	const uint64_t start = ticks();

	for (unsigned i = 0; i < count; i++) {
		const int fd = open(self, O_RDONLY);

		need(fd >= 0, "open");
		close(fd);
	}
	return ticks() - start;
}

static const struct {
	const char *name;
	uint64_t (*run)(unsigned count);
	unsigned count;
} service[] = {
	{"null-call", null_call, 2000},
	{"context-switch", context_switch, 500},
	{"fork-exec-wait", fork_exec_wait, 20},
	{"fork-wait", fork_wait, 50},
	{"anonymous-fault", anonymous_fault, 500},
	{"cow-fault", cow_fault, 300},
	{"pipe-round-trip", pipe_round_trip, 300},
	{"read-4k-cached", file_read, 300},
	{"open-close", open_close, 300},
};

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc > 1 && !strcmp(argv[1], "exit"))
		return 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (unsigned i = 0; i < sizeof(service) / sizeof(*service); i++) {
		uint64_t best = UINT64_MAX;

		for (unsigned round = 0; round < ROUNDS; round++) {
			const uint64_t took = service[i].run(service[i].count);

			if (took < best)
				best = took;
		}
		printf("cost %s %lu\n", service[i].name, (unsigned long)(best / service[i].count));
	}
	printf("cost end\n");
	fflush(stdout);
	if (getpid() == 1)
		reboot(RB_POWER_OFF);
	return 0;
}
