/* SPDX-License-Identifier: MIT
 *
 * Threads with a stack of a size that fits what they do.
 */
#ifndef VITRINE_LOOP_THREAD_H
#define VITRINE_LOOP_THREAD_H

#include <pthread.h>

/* pthread_create() with 128 KiB of stack. 0 or -errno. */
int thread_create(pthread_t *thread, void *(*run)(void *), void *ctx);

#endif
