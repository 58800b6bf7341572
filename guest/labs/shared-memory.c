/* SPDX-License-Identifier: MIT
 *
 * Two processes and the same pages: what a child writes into shared and into private memory, who sees it,
 * and what it costs.
 *
 *   shared-memory [-n PAGES]
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define PAGE 4096

static uint64_t pages;

static uint64_t free_pages(void)
{
	return lab_file_value("/proc/meminfo", "MemFree") / (PAGE / 1024);
}

static void write_all(volatile char *memory, char value)
{
	for (uint64_t i = 0; i < pages; i++)
		memory[i * PAGE] = value;
}

/* The child's half: page faults of its writes, and memory that the system has less afterwards. */
static void child(const char *kind, volatile char *memory)
{
	struct rusage before, after;
	const uint64_t free_before = free_pages();

	getrusage(RUSAGE_SELF, &before);
	write_all(memory, 'c');
	getrusage(RUSAGE_SELF, &after);
	const long faults = after.ru_minflt - before.ru_minflt;
	const long taken = (long)(free_before - free_pages());

	printf("%-8s child: %ld faults, %ld pages of memory taken\n", kind, faults, taken);
	lab_row("cost", "memory=%s pages=%lu faults=%ld taken=%ld", kind, pages, faults, taken);
	_exit(0);
}

static void show(const char *kind, volatile char *memory)
{
	write_all(memory, 'p');
	const pid_t pid = fork();

	if (pid < 0)
		lab_die("fork");
	if (!pid)
		child(kind, memory);
	waitpid(pid, NULL, 0);
	printf("%-8s parent: it reads '%c' where it wrote 'p' and the child 'c'\n", kind, *memory);
	lab_row("see", "memory=%s byte=%c", kind, *memory);
	munmap((char *)memory, pages * PAGE);
}

static volatile char *map(int flags, int fd)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (memory == MAP_FAILED)
		lab_die("mmap");
	if (flags & MAP_PRIVATE)
		madvise(memory, pages * PAGE, MADV_NOHUGEPAGE);
	return memory;
}

/* A name is all that two processes need that aren't parent and child; here the same one maps it twice. */
static void show_named(void)
{
	const int fd = shm_open("/lab", O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)(pages * PAGE)))
		lab_die("/dev/shm");
	volatile char *here = map(MAP_SHARED, fd), *there = map(MAP_SHARED, fd);

	here[0] = 'n';
	printf("named    at %p: '%c', at %p: '%c'\n", (void *)here, here[0], (void *)there,
	       there[0]);
	lab_row("see", "memory=named byte=%c", there[0]);
	shm_unlink("/lab");
}

int main(int argc, char **argv)
{
	pages = lab_option(argc, argv, 'n', 256);
	show("shared", map(MAP_SHARED | MAP_ANONYMOUS, -1));
	show("private", map(MAP_PRIVATE | MAP_ANONYMOUS, -1));
	show_named();
	return 0;
}
