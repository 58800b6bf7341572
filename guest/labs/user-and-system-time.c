/* SPDX-License-Identifier: MIT
 *
 * Where a program's CPU time goes: into its own instructions, or into the kernel's on its behalf. Each program
 * below runs until an alarm goes off, and then getrusage() tells.
 *
 *   user-and-system-time [-m MILLISECONDS]
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "lab.h"

#define US_PER_S 1000000
#define LOOP_STEPS 1000

static volatile sig_atomic_t over;

static void alarm_rings(int signal)
{
	(void)signal;
	over = 1;
}

static void count(uint64_t steps)
{
	for (volatile uint64_t i = 0; i < steps; i++)
		;
}

static void loop(void)
{
	count(LOOP_STEPS);
}

static void getpid_call(void)
{
	syscall(SYS_getpid);
}

/* As many steps as take about as long as the call, on the machine at hand. */
static uint64_t steps_per_call;

static void loop_and_getpid(void)
{
	count(steps_per_call);
	getpid_call();
}

static double ns_of(void (*work)(void), unsigned times)
{
	const uint64_t start = lab_now_ns();

	for (unsigned i = 0; i < times; i++)
		work();
	return (double)(lab_now_ns() - start) / times;
}

static uint64_t us_of(struct timeval time)
{
	return (uint64_t)time.tv_sec * US_PER_S + (uint64_t)time.tv_usec;
}

static void measure(const char *name, void (*work)(void), uint64_t ms)
{
	const struct itimerval timer = {
		.it_value = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000)}};
	struct rusage before, after;
	uint64_t rounds = 0;

	over = 0;
	getrusage(RUSAGE_SELF, &before);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (; !over; rounds++)
		work();
	getrusage(RUSAGE_SELF, &after);

	const double user = (double)(us_of(after.ru_utime) - us_of(before.ru_utime)) / 1000;
	const double system = (double)(us_of(after.ru_stime) - us_of(before.ru_stime)) / 1000;

	printf("%-12s %9.1f ms user %9.1f ms system %12llu rounds\n", name, user, system,
	       (unsigned long long)rounds);
	lab_row("split", "program=%s user=%.1f system=%.1f rounds=%llu", name, user, system,
		(unsigned long long)rounds);
}

int main(int argc, char **argv)
{
	const uint64_t ms = lab_option(argc, argv, 'm', 1000);

	signal(SIGALRM, alarm_rings);
	steps_per_call = (uint64_t)(ns_of(getpid_call, 100) / ns_of(loop, 10000) * LOOP_STEPS) + 1;
	measure("loop", loop, ms);
	measure("getpid", getpid_call, ms);
	measure("half-half", loop_and_getpid, ms);
	return 0;
}
