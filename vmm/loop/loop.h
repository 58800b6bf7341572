/* SPDX-License-Identifier: MIT
 *
 * The event loop: epoll, timers (timerfd), and tasks posted from other threads. One per process,
 * run by the main thread; devices and back ends hang their descriptors here.
 */
#ifndef VITRINE_LOOP_LOOP_H
#define VITRINE_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;

int loop_create(struct loop **out);
void loop_destroy(struct loop *loop);

/* events: EPOLLIN, EPOLLOUT; 0: sleep, deaf to EPOLLHUP and EPOLLERR too, which epoll itself would go on
 * reporting. fn runs in the loop's thread. Loop thread, or before it runs. */
typedef void loop_fd_fn(void *ctx, uint32_t events);
int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *ctx);
int loop_modify_fd(struct loop *loop, int fd, uint32_t events);
void loop_remove_fd(struct loop *loop, int fd);

/* An eventfd, without EFD_NONBLOCK: fn runs after it was rung, once for several rings, or once too often. A
 * loop that has one of these and nothing else waits for it in read(), which takes fewer instructions than
 * epoll. Loop thread, or before it runs. loop_remove_fd() ends it. */
int loop_add_bell(struct loop *loop, int fd, loop_fd_fn *fn, void *ctx);

/* One-shot timers, CLOCK_MONOTONIC. arm replaces an earlier expiry; delay 0 disarms. Any thread may
 * arm; fn runs in the loop's thread. destroy: loop thread only; no call of fn comes afterwards. */
typedef void loop_timer_fn(void *ctx);
int loop_timer_create(struct loop *loop, loop_timer_fn *fn, void *ctx, struct loop_timer **out);
void loop_timer_arm(struct loop_timer *timer, uint64_t delay_ns);
void loop_timer_destroy(struct loop_timer *timer); /* NULL is fine */

/* Runs until loop_stop(), which any thread (or a signal handler) may call. 0 or -errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
