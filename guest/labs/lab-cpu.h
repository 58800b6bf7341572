/* SPDX-License-Identifier: MIT
 *
 * What the labs about schedulers and locks share: a CPU of one's own, memory that forked children share, and a
 * loop of known length whose clock is the TSC, so that nobody enters the kernel while he is being measured.
 */
#ifndef GUEST_LABS_LAB_CPU_H
#define GUEST_LABS_LAB_CPU_H

#include <cpuid.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab.h"

/* Of those that the caller may use: to be asked before lab_pin(). */
static inline unsigned lab_cpus(void)
{
	return (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}

/* Whether this is QEMU's emulated processor, which has no store buffer of its own. Only a machine that is
 * emulated itself shows it; a guest in there sees its KVM. */
static inline bool lab_cpu_is_emulated(void)
{
	uint32_t max, name[3];

	__cpuid(0x40000000, max, name[0], name[1], name[2]);
	return max >= 0x40000000 && memcmp(name, "TCGTCGTCGTCG", sizeof(name)) == 0;
}

/* The caller (a thread or a process) runs on this CPU only; children inherit it. */
static inline void lab_pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		lab_die("sched_setaffinity");
}

/* Zeroed memory that children have in common with their parent. */
static inline void *lab_shared(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		lab_die("mmap");
	memset(at, 0, bytes); /* no page faults later */
	return at;
}

/* TSC ticks in a millisecond, by 20 ms of the kernel's clock. */
static inline double lab_tsc_per_ms(void)
{
	const uint64_t start_ns = lab_now_ns(), start = lab_tsc();
	uint64_t ns;

	while ((ns = lab_now_ns() - start_ns) < 20000000)
		;
	return (double)(lab_tsc() - start) * 1e6 / (double)ns;
}

/* For children that would never end by themselves. */
static inline void lab_die_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static inline void lab_spin(uint64_t iterations)
{
	for (uint64_t i = 0; i < iterations; i++)
		__asm__ volatile("");
}

/* Iterations of lab_spin() in a millisecond when nobody disturbs: the best of 20 attempts of about 1 ms each. */
static inline uint64_t lab_spins_per_ms(double tsc_per_ms)
{
	uint64_t size = 1000, best = UINT64_MAX;

	for (unsigned round = 0; round < 20;) {
		const uint64_t start = lab_tsc();

		lab_spin(size);
		const uint64_t took = lab_tsc() - start;

		if ((double)took < tsc_per_ms) {
			size *= 2;
			best = UINT64_MAX;
			continue;
		}
		best = took < best ? took : best;
		round++;
	}
	return (uint64_t)((double)size * tsc_per_ms / (double)best);
}

/* musl has no kernel headers; these two are all that a futex is made of. */
#define LAB_FUTEX_WAIT 128 /* FUTEX_WAIT, FUTEX_PRIVATE_FLAG */
#define LAB_FUTEX_WAKE 129

/* Sleeps if the word still has this value; returns on a wake-up, or for no reason. */
static inline void lab_futex_wait(uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, LAB_FUTEX_WAIT, value, NULL, NULL, 0);
}

static inline void lab_futex_wake(uint32_t *word, uint32_t count)
{
	syscall(SYS_futex, word, LAB_FUTEX_WAKE, count, NULL, NULL, 0);
}

#endif
