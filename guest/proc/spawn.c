/* SPDX-License-Identifier: MIT
 *
 * A process out of nothing: its first thread begins in the kernel and goes on as the program that it execs.
 */
#include "guest/proc/spawn.h"

#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/arch/switch.h"
#include "guest/arch/trap.h"
#include "guest/fs/files.h"
#include "guest/lib/print.h"
#include "guest/mm/slab.h"
#include "guest/proc/process.h"

#define UMASK_USUAL 022
#define STATUS_NOT_STARTED (127 << 8)

struct beginning {
	int (*exec)(void *argument);
	void *argument;
};

static struct place kernel_place = {.refs = 1, .umask = UMASK_USUAL};

void process_set_kernel_place(void)
{
	if (kernel_process.place)
		return;
	path_get(&vfs_root);
	path_get(&vfs_root);
	kernel_place.root = kernel_place.here = vfs_root;
	kernel_process.place = &kernel_place;
}

static void open_console(void)
{
	struct file *file;
	const int error = file_open(AT_FDCWD, "/dev/console", O_RDWR, 0, &file);

	if (error) {
		print("process %d: no /dev/console (error %d)\n", process_this()->pid, -error);
		return;
	}
	fd_install(file_get(file), 0, false);
	fd_install(file_get(file), 0, false);
	fd_install(file, 0, false);
}

static void start(void *argument)
{
	struct beginning beginning = *(struct beginning *)argument;
	struct task *task = task_this();

	kfree(argument);
	task->frame = stack_frame(task->kernel_stack);
	*task->frame = (struct trap_frame){.error = NO_RESTART};
	open_console();
	if (beginning.exec(beginning.argument))
		process_exit(STATUS_NOT_STARTED);
	irq_disable();
	switch_to_user();
}

struct process *process_spawn(const char *name, int (*exec)(void *argument), void *argument)
{
	struct beginning *beginning = kmalloc(sizeof(*beginning));
	struct process *process = beginning ? process_create(&kernel_process) : NULL;
	struct task *task = NULL;

	process_set_kernel_place();
	if (process && (process->files = files_create()) &&
	    (process->place = place_copy(kernel_process.place)))
		task = task_create(process, name, start, beginning);
	if (!task) {
		if (process)
			process_put(process);
		kfree(beginning);
		return NULL;
	}
	*beginning = (struct beginning){exec, argument};
	process->vfork_done = true;
	process_link(process, &kernel_process, task);
	task_start(task);
	task_put(task);
	return process;
}

int process_reap(struct process *process)
{
	uint64_t flags;
	int status;

	wait_uninterruptible(&kernel_process.child_changed,
			     __atomic_load_n(&process->state, __ATOMIC_ACQUIRE) >= PROCESS_ZOMBIE);
	flags = spin_lock(&process_lock);
	status = process->exit_status;
	if (process->state == PROCESS_ZOMBIE)
		process_unlink(process);
	spin_unlock(&process_lock, flags);
	task_put(process->leader);
	process_put(process);
	return status;
}
