/* SPDX-License-Identifier: MIT
 *
 * Self-tests of disks and network interfaces; a machine without any fails them. check() counts.
 */
#ifndef GUEST_PROMPT_SELFTEST_DEVICES_H
#define GUEST_PROMPT_SELFTEST_DEVICES_H

#include <stdbool.h>

/* Every disk, or the one of "disk=NAME" or "disk=DRIVER". With the word "scratch" it is written to, as
 * a whole or in the range "range=START,COUNT". */
void selftest_disk(void (*check)(bool condition, const char *what));

/* Every interface, or the one of "nic=NAME" or "nic=DRIVER"; "gateway=" and "address=". */
void selftest_net(void (*check)(bool condition, const char *what));

#endif
