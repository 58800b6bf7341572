/* SPDX-License-Identifier: MIT
 *
 * What the conformance programs share. A program prints "ok NAME" or "not ok NAME: …" for each
 * property and ends by check_end(). They run under any Linux and under the bundled guest, in an
 * empty folder that is theirs. Everything is in this header: a test is one file.
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct {
	unsigned passed, failed, skipped;
} check_count;

/* One property: NAME holds if CONDITION does. Gives CONDITION back. */
#define check(name, condition) check_report(name, !!(condition), __LINE__, #condition)
/* A call that has to fail with -1 and this error. */
#define check_fails(name, call, error) check_error(name, (long)(call), error, __LINE__, #call)
/* What the rest can't go on without. */
#define need(condition)                                   \
	do {                                              \
		if (!(condition))                         \
			check_stop(__LINE__, #condition); \
	} while (0)

static inline int check_report(const char *name, int good, int line, const char *text)
{
	int error = errno;

	if (good) {
		check_count.passed++;
		printf("ok %s\n", name);
	} else {
		check_count.failed++;
		printf("not ok %s: line %d, errno %d: %s\n", name, line, error, text);
	}
	fflush(stdout);
	errno = 0;
	return good;
}

static inline int check_error(const char *name, long result, int error, int line, const char *text)
{
	int seen = errno;

	if (result == -1 && seen == error)
		return check_report(name, 1, line, text);
	check_count.failed++;
	printf("not ok %s: line %d, %ld (errno %d) instead of errno %d: %s\n", name, line, result,
	       result == -1 ? seen : 0, error, text);
	fflush(stdout);
	errno = 0;
	return 0;
}

static inline void check_skip(const char *name, const char *why)
{
	check_count.skipped++;
	printf("skipped %s: %s\n", name, why);
	fflush(stdout);
}

/* The verdict: what main() returns. */
static inline int check_end(void)
{
	printf("%u passed, %u failed, %u skipped\n", check_count.passed, check_count.failed,
	       check_count.skipped);
	return check_count.failed || !check_count.passed;
}

_Noreturn static inline void check_stop(int line, const char *text)
{
	printf("not ok can't go on: line %d, errno %d: %s\n", line, errno, text);
	check_count.failed++;
	check_end();
	fflush(stdout);
	_exit(1);
}

/* Runs FUNCTION(ARGUMENT) in a child that ends with what it returns; its pid. */
static inline pid_t child_start(int (*function)(void *), void *argument)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int status = function(argument);

		fflush(stdout);
		_exit(status);
	}
	need(pid > 0);
	return pid;
}

/* Exit status of a child, 128 + signal, or -1. */
static inline int child_end(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) != pid)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline int in_child(int (*function)(void *), void *argument)
{
	return child_end(child_start(function, argument));
}

static inline long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static inline void sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

#endif
