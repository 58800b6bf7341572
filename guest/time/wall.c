/* SPDX-License-Identifier: MIT
 *
 * Real time is clock_ns() plus an offset, asked for when somebody first wants to know. It is in the vDSO's
 * page, for programs to know it too.
 */
#include "guest/time/wall.h"

#include "guest/arch/spinlock.h"
#include "guest/hyper/pvclock.h"
#include "guest/hyper/vdso.h"
#include "guest/time/clock.h"
#include "guest/time/cmos.h"

#define NS_PER_SECOND 1000000000ull

static struct spinlock lock;

uint64_t wall_days(unsigned year, unsigned month, unsigned day)
{
	/* Years that begin in March have their leap day at the end. */
	const unsigned from_march = (month + 9) % 12, y = year - (month <= 2);
	const unsigned before_1970 = 719468; /* 0000-03-01 to 1970-01-01 */

	return y * 365ull + y / 4 - y / 100 + y / 400 + (from_march * 153 + 2) / 5 + day - 1 -
	       before_1970;
}

static uint64_t find_offset(void)
{
	uint64_t seconds;

	if (clock_info.kvmclock)
		return pvclock_wall_ns();
	if (cmos_read(&seconds))
		return seconds * NS_PER_SECOND - clock_ns();
	return 0;
}

uint64_t wall_offset_ns(void)
{
	uint64_t flags;

	if (!__atomic_load_n(&vdso_data->wall_known,
			     __ATOMIC_ACQUIRE)) { /* pairs with the store below */
		flags = spin_lock(&lock);
		if (!vdso_data->wall_known)
			vdso_data->wall_offset_ns = find_offset();
		__atomic_store_n(&vdso_data->wall_known, true, __ATOMIC_RELEASE);
		spin_unlock(&lock, flags);
	}
	return __atomic_load_n(&vdso_data->wall_offset_ns, __ATOMIC_RELAXED);
}

uint64_t wall_ns(void)
{
	return wall_offset_ns() + clock_ns();
}

void wall_set(uint64_t ns)
{
	const uint64_t flags = spin_lock(&lock);

	__atomic_store_n(&vdso_data->wall_offset_ns, ns - clock_ns(), __ATOMIC_RELAXED);
	__atomic_store_n(&vdso_data->wall_known, true, __ATOMIC_RELEASE);
	spin_unlock(&lock, flags);
}
