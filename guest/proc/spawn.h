/* SPDX-License-Identifier: MIT
 *
 * Processes that the kernel starts by itself.
 */
#ifndef GUEST_PROC_SPAWN_H
#define GUEST_PROC_SPAWN_H

#include <stdint.h>

struct process;

/* A process without a program yet, a child of the kernel's. It doesn't run before spawn_start(), and then starts
 * in function(argument), which is to call spawn_open_console() and process_exec(), and then
 * spawn_enter_program() or process_exit(). Panics without memory. */
struct process *spawn(const char *name, void (*function)(void *argument), void *argument);
void spawn_start(struct process *process);

/* /dev/console as descriptors 0, 1 and 2 of the running process. */
void spawn_open_console(void);

/* To user mode, with the registers that process_exec() has prepared. */
_Noreturn void spawn_enter_program(void);

/* Runs the embedded program (user/hello.c) with a task of user/syscall.h until it ends: its exit status, or
 * -number of the signal that ended it, or -1000 if it could not be started. Interrupts on. */
int spawn_hello(unsigned task);

#endif
