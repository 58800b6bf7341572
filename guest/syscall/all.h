/* SPDX-License-Identifier: MIT
 *
 * All rows, for whoever has defined SYSCALL(number, name, note).
 */
#include "guest/syscall/files.def"
#include "guest/syscall/ipc.def"
#include "guest/syscall/memory.def"
#include "guest/syscall/process.def"
#include "guest/syscall/sched.def"
#include "guest/syscall/signals.def"
#include "guest/syscall/system.def"
#include "guest/syscall/time.def"
