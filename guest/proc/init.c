/* SPDX-License-Identifier: MIT
 *
 * The first process: init, with the console as its input and output.
 */
#include <stddef.h>

#include "guest/arch/insn.h"
#include "guest/arch/switch.h"
#include "guest/arch/trap.h"
#include "guest/board/machine.h"
#include "guest/fs/files.h"
#include "guest/lib/panic.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/lib/words.h"
#include "guest/proc/process.h"

#define ARGUMENTS_MAX 32
#define UMASK_USUAL 022

static char words[MACHINE_CMDLINE_MAX + ARGUMENTS_MAX];
static char *arguments[ARGUMENTS_MAX + 2];
static char *const environment[] = {"HOME=/", "TERM=linux", "PATH=/sbin:/usr/sbin:/bin:/usr/bin",
				    NULL};
static const char *const usual[] = {"/sbin/init", "/init", "/bin/sh"};

/* What stands behind a lone "--" on the command line is for init. */
static void read_arguments(void)
{
	const char *at = machine.cmdline;
	char word[MACHINE_CMDLINE_MAX], *to = words;
	unsigned count = 1;
	bool ours = false;

	while (words_next(&at, word, sizeof(word)) && count <= ARGUMENTS_MAX) {
		const size_t bytes = strlen(word) + 1;

		if (ours) {
			memcpy(to, word, bytes);
			arguments[count++] = to;
			to += bytes;
		}
		ours = ours || !strcmp(word, "--");
	}
}

static void open_console(void)
{
	struct file *file;
	const int error = file_open(AT_FDCWD, "/dev/console", O_RDWR, 0, &file);

	if (error) {
		print("process 1: no /dev/console (error %d)\n", -error);
		return;
	}
	fd_install(file_get(file), 0, false);
	fd_install(file_get(file), 0, false);
	fd_install(file, 0, false);
}

static int try_program(char *path)
{
	int error;

	arguments[0] = path;
	error = process_exec(path, arguments, environment);
	if (error)
		print("%s: not started, error %d\n", path, -error);
	return error;
}

static void start(void *unused)
{
	struct task *task = task_this();
	char path[128];
	int error = -ENOENT;

	(void)unused;
	task->frame = stack_frame(task->kernel_stack);
	*task->frame = (struct trap_frame){.error = NO_RESTART};
	open_console();
	read_arguments();
	if (machine_option("init", path, sizeof(path))) {
		error = try_program(path);
	} else {
		for (unsigned i = 0; error && i < sizeof(usual) / sizeof(usual[0]); i++) {
			print_to(path, sizeof(path), "%s", usual[i]);
			error = try_program(path);
		}
	}
	if (error)
		panic("no program to start as process 1");
	irq_disable();
	switch_to_user();
}

/* The kernel's own place in the tree, which init gets a copy of. */
static struct place boot_place = {.refs = 1, .umask = UMASK_USUAL};

void process_start_init(void)
{
	struct process *process = process_create(&kernel_process);
	struct task *task;

	if (!kernel_process.place) {
		path_get(&vfs_root);
		path_get(&vfs_root);
		boot_place.root = boot_place.here = vfs_root;
		kernel_process.place = &boot_place;
	}
	if (!process || !(process->files = files_create()) ||
	    !(process->place = place_copy(kernel_process.place)))
		panic("no memory for process 1");
	task = task_create(process, "init", start, NULL);
	if (!task)
		panic("no memory for process 1");
	process->vfork_done = true;
	process_init = process;
	process_link(process, &kernel_process, task);
	task_start(task);
	task_put(task);
}
