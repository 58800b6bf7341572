/* SPDX-License-Identifier: MIT
 *
 * The bad requests.
 */
#ifndef GUEST_HOSTILE_CASES_H
#define GUEST_HOSTILE_CASES_H

#include <stdbool.h>

#include "guest/virtio/device.h"

enum hostile_format { HOSTILE_SPLIT = 1, HOSTILE_PACKED = 2, HOSTILE_BOTH = 3 };

/* A case writes its descriptors into the memory of an open queue, and makes them available; the
 * device is ready, and is notified afterwards. With wants_closed_queue the queue is not open, and the
 * case may enable it as it likes, before the device is ready. */
struct hostile_case {
	const char *name;
	void (*prepare)(struct virtq *queue);
	enum hostile_format format;
	bool may_complete; /* doubtful rather than wrong: a device may serve it */
	bool wants_closed_queue;
};

extern const struct hostile_case hostile_case[];
extern const unsigned hostile_case_count;

/* Memory for the cases. false: there is none. */
bool hostile_cases_init(void);

#endif
