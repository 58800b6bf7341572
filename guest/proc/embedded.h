/* SPDX-License-Identifier: MIT
 *
 * The user program that the kernel carries along (guest/user/), so that ring 3 can be tried without an
 * initramfs.
 */
#ifndef GUEST_PROC_EMBEDDED_H
#define GUEST_PROC_EMBEDDED_H

#include <stdint.h>

/* Runs it as a process with a task of guest/user/syscall.h, and waits for its end: the status that wait4()
 * would give, or -errno. In a kernel thread. */
int embedded_run(unsigned task);

#endif
