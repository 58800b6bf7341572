/* SPDX-License-Identifier: MIT
 *
 * The vDSO: clocks read in user mode, with no system call and no exit. A shared object that the kernel maps
 * into each program (hyper/vdso.c), which finds it by AT_SYSINFO_EHDR. It writes nothing, so each call is
 * the same as the system call of that name, or it makes that call.
 */
#include <stdbool.h>
#include <stddef.h>

#include "guest/vdso/data.h"

#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define INLINE inline __attribute__((always_inline))
#define NS_PER_SECOND 1000000000ull

enum { SYS_GETTIMEOFDAY = 96, SYS_TIME = 201, SYS_CLOCK_GETTIME = 228 };
enum { TAI = 11 }; /* the last of them */
/* The COARSE ones are exact here, as in the kernel; the two CPU-time clocks are the kernel's alone. */
#define MONOTONIC_CLOCKS 0xd2u /* MONOTONIC, MONOTONIC_RAW, MONOTONIC_COARSE, BOOTTIME */
#define REAL_CLOCKS 0x821u     /* REALTIME, REALTIME_COARSE, TAI */

struct timespec {
	int64_t sec, nsec;
};
struct timeval {
	int64_t sec, usec;
};

extern struct vdso_data vdso_data; /* vdso.ld; not const: others write it */

static long system_call(long number, long a, const void *b)
{
	asm volatile("syscall" : "+a"(number) : "D"(a), "S"(b) : "rcx", "r11", "memory");
	return number;
}

/* lfence: not before what the program has seen already. */
static inline uint64_t read_tsc(void)
{
	uint32_t low, high;

	asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline uint64_t multiply(uint64_t ticks, uint64_t by)
{
	return (uint64_t)((unsigned __int128)ticks * by >> 32);
}

/* As pvclock_ns(), but only if all CPUs agree. */
static INLINE bool read_kvmclock(uint64_t *ns)
{
	const struct pvclock *clock = &vdso_data.clock;
	uint32_t version;
	uint64_t ticks;

	do {
		version = __atomic_load_n(&clock->version, __ATOMIC_ACQUIRE);
		if (UNLIKELY(version & 1 || !(clock->flags & PVCLOCK_STABLE)))
			return false; /* the hypervisor is at it: as rare as it gets */
		ticks = read_tsc() - clock->tsc_timestamp;
		if (UNLIKELY((int64_t)ticks < 0))
			ticks = 0;
		if (clock->tsc_shift < 0)
			ticks >>= -clock->tsc_shift;
		else
			ticks <<= clock->tsc_shift;
		*ns = clock->system_time_ns + multiply(ticks, clock->tsc_to_ns_multiplier);
		asm volatile("" : : : "memory"); /* x86 keeps loads in order */
	} while (UNLIKELY(__atomic_load_n(&clock->version, __ATOMIC_RELAXED) != version));
	return true;
}

/* Monotonic time. false: only the kernel knows. */
static INLINE bool read_ns(uint64_t *ns)
{
	uint64_t last;

	if (vdso_data.mode == VDSO_KVMCLOCK) {
		if (!read_kvmclock(ns))
			return false;
	} else if (vdso_data.mode == VDSO_TSC) {
		*ns = multiply(read_tsc() - vdso_data.tsc_at_boot, vdso_data.ns_multiplier);
	} else {
		return false;
	}
	last = __atomic_load_n(&vdso_data.last_ns, __ATOMIC_RELAXED);
	*ns = *ns < last ? last : *ns; /* what the kernel has told is past */
	return true;
}

static INLINE bool read_real_ns(uint64_t *ns)
{
	if (!__atomic_load_n(&vdso_data.wall_known, __ATOMIC_ACQUIRE) || !read_ns(ns))
		return false;
	*ns += __atomic_load_n(&vdso_data.wall_offset_ns, __ATOMIC_RELAXED);
	return true;
}

__attribute__((visibility("default"))) int __vdso_clock_gettime(int clock, struct timespec *to);
int __vdso_clock_gettime(int clock, struct timespec *to)
{
	uint64_t ns;
	const uint32_t bit = (unsigned)clock <= TAI ? 1u << clock : 0;

	if (!(bit & MONOTONIC_CLOCKS ? read_ns(&ns) : bit & REAL_CLOCKS && read_real_ns(&ns)))
		return (int)system_call(SYS_CLOCK_GETTIME, clock, to);
	to->sec = (int64_t)(ns / NS_PER_SECOND);
	to->nsec = (int64_t)(ns % NS_PER_SECOND);
	return 0;
}

__attribute__((visibility("default"))) int __vdso_gettimeofday(struct timeval *to, uint64_t *zone);
int __vdso_gettimeofday(struct timeval *to, uint64_t *zone)
{
	uint64_t ns;

	if (!read_real_ns(&ns))
		return (int)system_call(SYS_GETTIMEOFDAY, (long)to, zone);
	if (to) {
		to->sec = (int64_t)(ns / NS_PER_SECOND);
		to->usec = (int64_t)(ns % NS_PER_SECOND / 1000);
	}
	if (zone)
		*zone = 0; /* UTC */
	return 0;
}

__attribute__((visibility("default"))) int64_t __vdso_time(int64_t *to);
int64_t __vdso_time(int64_t *to)
{
	uint64_t ns;

	if (!read_real_ns(&ns))
		return system_call(SYS_TIME, (long)to, NULL);
	if (to)
		*to = (int64_t)(ns / NS_PER_SECOND);
	return (int64_t)(ns / NS_PER_SECOND);
}
