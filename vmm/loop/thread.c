/* SPDX-License-Identifier: MIT
 *
 * See thread.h.
 */
#include "loop/thread.h"

/* The default of 8 MiB invites a transparent huge page for the few KiB that our threads use. */
#define STACK_BYTES (128u << 10)

int thread_create(pthread_t *thread, void *(*run)(void *), void *ctx)
{
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	err = pthread_create(thread, &attr, run, ctx);
	pthread_attr_destroy(&attr);
	return -err;
}
