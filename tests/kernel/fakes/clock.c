/* SPDX-License-Identifier: MIT
 *
 * Time that passes when a test says so.
 */
#include "guest/time/clock.h"

#include "guest/time/wall.h"

#include "tests/kernel/host.h"

uint64_t host_clock_ns;

uint64_t clock_ns(void)
{
	return host_clock_ns;
}

uint64_t wall_ns(void)
{
	return host_clock_ns;
}
