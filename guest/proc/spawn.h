/* SPDX-License-Identifier: MIT
 *
 * Processes that the kernel starts by itself: init, and the embedded program.
 */
#ifndef GUEST_PROC_SPAWN_H
#define GUEST_PROC_SPAWN_H

struct process;

/* Gives kernel threads a root and a working directory, once there is a root. */
void process_set_kernel_place(void);

/* A new child of the kernel's process with the console as its files 0 to 2, and a thread that calls
 * exec(argument), which is to end in process_exec(). If that fails, the process ends with status 127. The
 * process is referenced by its place in the tree only. NULL: no memory. */
struct process *process_spawn(const char *name, int (*exec)(void *argument), void *argument);

/* Waits for the end of one that process_spawn() started, and takes it out of the tree: its status as
 * wait4() gives it. */
int process_reap(struct process *process);

#endif
