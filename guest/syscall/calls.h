/* SPDX-License-Identifier: MIT
 *
 * Prototypes of all sys_NAME(), as the build finds them (prototypes.awk): they are called through the table
 * of dispatch.c only, so nobody has to write them down a second time.
 */
#ifndef GUEST_SYSCALL_CALLS_H
#define GUEST_SYSCALL_CALLS_H

#include <stdint.h>

#include "syscall-prototypes.h"

#endif
