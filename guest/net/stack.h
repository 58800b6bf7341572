/* SPDX-License-Identifier: MIT
 *
 * The TCP/IP stack as a whole: its lock, its thread, its clocks. lwIP knows no threads: whoever calls it, or
 * touches what it calls back with, holds net_lock.
 */
#ifndef GUEST_NET_STACK_H
#define GUEST_NET_STACK_H

#include <stdbool.h>
#include <stdint.h>

/* Once, before the first socket or card: loopback and the thread. Any number of times. 0 or -ENOMEM. */
int net_init(void);

/* At boot: brings the cards up, if there are any. */
void net_start(void);

/* May sleep. Unlocking delivers what was sent to this machine itself, and starts what cards are to send. */
void net_lock(void);
void net_unlock(void);

/* One round of the thread: true: more is there to do; *next_ns: when a clock is due. */
bool net_work(uint64_t *next_ns);

/* Has the thread look at cards and clocks; from any context. */
void net_wake(void);

#endif
