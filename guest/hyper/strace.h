/* SPDX-License-Identifier: MIT
 *
 * Telling the VMM of each system call, if it wants to hear of them (vitrine run --strace).
 */
#ifndef GUEST_HYPER_STRACE_H
#define GUEST_HYPER_STRACE_H

#include <stdbool.h>

#include "guest/syscall/syscall.h"

extern bool strace_is_on;

/* Before the first program. */
void strace_start(void);

/* Makes the call, and a record of it. */
void strace_call(struct trap_frame *frame, syscall_function function);

/* Records wait until there are many, or the CPU has nothing else to do: then it calls this. */
void strace_flush(void);

#endif
