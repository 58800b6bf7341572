/* SPDX-License-Identifier: MIT
 *
 * Starting processes from the kernel: as init is, and as self-tests do.
 */
#include "guest/proc/spawn.h"

#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/arch/switch.h"
#include "guest/arch/trap.h"
#include "guest/fs/files.h"
#include "guest/lib/panic.h"
#include "guest/lib/print.h"
#include "guest/proc/process.h"

#define UMASK_USUAL 022
#define NOT_STARTED 127
#define HELLO_PATH "/.hello"

extern const uint8_t user_image[], user_image_end[]; /* user/embed.S */

/* The kernel's own place in the tree, of which its children get copies. */
static struct place boot_place = {.refs = 1, .umask = UMASK_USUAL};

static struct place *kernel_place(void)
{
	if (!kernel_process.place) {
		path_get(&vfs_root);
		path_get(&vfs_root);
		boot_place.root = boot_place.here = vfs_root;
		kernel_process.place = &boot_place;
	}
	return kernel_process.place;
}

struct process *spawn(const char *name, void (*function)(void *argument), void *argument)
{
	struct process *process = process_create(&kernel_process, false);
	struct task *task;

	if (!process || !(process->files = files_create()) ||
	    !(process->place = place_copy(kernel_place())))
		panic("no memory for a process");
	task = task_create(process, name, function, argument);
	if (!task)
		panic("no memory for a process");
	task->frame = stack_frame(task->kernel_stack);
	*task->frame = (struct trap_frame){.error = NO_RESTART};
	process->vfork_done = true;
	process_link(process, &kernel_process, false, task);
	task_put(task); /* process->leader has another */
	return process;
}

void spawn_start(struct process *process)
{
	task_start(process->leader);
}

void spawn_open_console(void)
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

void spawn_enter_program(void)
{
	irq_disable();
	switch_to_user();
}

static void start_hello(void *task_word)
{
	char *const arguments[] = {(char[]){HELLO_PATH}, task_word, NULL};
	char *const environment[] = {NULL};

	spawn_open_console();
	if (process_exec(HELLO_PATH, arguments, environment))
		process_exit(NOT_STARTED << 8);
	spawn_enter_program();
}

static int write_hello(void)
{
	struct file *file;
	int error = file_open(AT_FDCWD, HELLO_PATH, O_WRONLY | O_CREAT | O_TRUNC, 0755, &file);
	int64_t written;

	if (error)
		return error;
	written = file_write_at(file, user_image, (size_t)(user_image_end - user_image), 0);
	file_put(file);
	return written == user_image_end - user_image ? 0 : -ENOSPC;
}

static bool is_zombie(const struct process *process)
{
	const uint64_t flags = spin_lock(&process_lock);
	const bool zombie = process->state == PROCESS_ZOMBIE;

	spin_unlock(&process_lock, flags);
	return zombie;
}

/* As wait4() does: its status; and it is gone. */
static int32_t reap(struct process *process)
{
	uint64_t flags;
	int32_t status;

	wait_uninterruptible(&kernel_process.child_changed, is_zombie(process));
	flags = spin_lock(&process_lock);
	status = process->exit_status;
	process_unlink(process);
	spin_unlock(&process_lock, flags);
	task_put(process->leader);
	process_put(process);
	return status;
}

int spawn_hello(unsigned task)
{
	char word[2] = {(char)('0' + task), 0};
	struct process *process;
	int32_t status;

	kernel_place();
	if (write_hello())
		return -1000;
	process = spawn("hello", start_hello, word);
	spawn_start(process);
	status = reap(process);
	return status & 0x7f ? -(status & 0x7f) : status >> 8;
}
