/* SPDX-License-Identifier: MIT
 *
 * See batching.h.
 */
#include "loop/batching.h"

#include <errno.h>
#include <sched.h>

#define WORTHWHILE 2	 /* requests a kick */
#define TRY_AFTER_MIN 16 /* kicks; twice as many after each try in vain */
#define TRY_AFTER_MAX 128

int batching_set(pid_t thread, bool on)
{
	const struct sched_param none = {0};

	return sched_setscheduler(thread, on ? SCHED_BATCH : SCHED_OTHER, &none) ? -errno : 0;
}

/* A host that does not let us choose goes on as it was. */
static void set_policy(struct batching *batching, bool on)
{
	if (batching_set(0, on) == 0)
		batching->on = on;
}

/* A try costs two system calls, and the exit of a vCPU that idles. */
static void try_later(struct batching *batching)
{
	batching->try_after = batching->try_after < TRY_AFTER_MAX ? batching->try_after * 2
								  : TRY_AFTER_MAX;
}

void batching_update(struct batching *batching, unsigned requests)
{
	if (batching->try_after < TRY_AFTER_MIN)
		batching->try_after = TRY_AFTER_MIN;
	if (!batching->on) {
		if (++batching->kicks < batching->try_after)
			return;
		batching->kicks = 0;
		set_policy(batching, true);
	} else if (requests < WORTHWHILE) {
		try_later(batching);
		set_policy(batching, false);
	} else {
		batching->try_after = TRY_AFTER_MIN;
	}
}
