/* SPDX-License-Identifier: MIT
 *
 * See batching.h.
 */
#include "virtio/batching.h"

#include <sched.h>

#define WORTHWHILE 4 /* requests a kick */
#define TRY_AFTER_KICKS 64

/* A host that does not let us choose goes on as it was. */
static void set_policy(struct batching *batching, bool on)
{
	const struct sched_param none = {0};

	if (sched_setscheduler(0, on ? SCHED_BATCH : SCHED_OTHER, &none) == 0)
		batching->on = on;
}

void batching_update(struct batching *batching, unsigned requests)
{
	if (batching->on) {
		if (requests < WORTHWHILE)
			set_policy(batching, false);
	} else if (++batching->kicks >= TRY_AFTER_KICKS) {
		batching->kicks = 0;
		set_policy(batching, true);
	}
}
