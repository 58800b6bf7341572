/* SPDX-License-Identifier: MIT
 *
 * A thread that runs an event loop of its own: for a busy queue pair.
 */
#ifndef VITRINE_LOOP_LOOP_THREAD_H
#define VITRINE_LOOP_LOOP_THREAD_H

struct loop;
struct loop_thread;

/* Makes a loop; its thread starts with loop_thread_start(), so that descriptors can be added before.
 * name: up to 15 characters, seen in top(1). 0 or -errno. */
int loop_thread_create(const char *name, struct loop_thread **out);
int loop_thread_start(struct loop_thread *thread);
struct loop *loop_thread_loop(struct loop_thread *thread);

/* Ends the thread; its loop, and what hangs in it, stays. Once, or not at all; NULL is fine. */
void loop_thread_stop(struct loop_thread *thread);

/* Ends the thread and frees the loop: nothing of it runs any more afterwards. NULL is fine. */
void loop_thread_destroy(struct loop_thread *thread);

#endif
