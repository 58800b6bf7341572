/* SPDX-License-Identifier: MIT
 *
 * The program becomes a file of the root directory when it is first asked for, and is started like any other.
 */
#include "guest/proc/embedded.h"

#include <stddef.h>

#include "guest/fs/vfs.h"
#include "guest/lib/print.h"
#include "guest/proc/process.h"
#include "guest/proc/spawn.h"
#include "guest/user/syscall.h"

#define PATH "/embedded-program"

extern const uint8_t user_image[], user_image_end[];

static int make_file(void)
{
	const size_t bytes = user_image_end - user_image;
	struct file *file;
	int64_t written;
	int error = file_open(AT_FDCWD, PATH, O_WRONLY | O_CREAT | O_EXCL, 0755, &file);

	if (error)
		return error == -EEXIST ? 0 : error;
	written = file_write_at(file, user_image, bytes, 0);
	file_put(file);
	return written == (int64_t)bytes ? 0 : -ENOSPC;
}

static int exec_task(void *argument)
{
	char number[8];
	char *arguments[] = {PATH, number, NULL}, *environment[] = {NULL};

	print_to(number, sizeof(number), "%u", (unsigned)(uintptr_t)argument);
	return process_exec(PATH, arguments, environment);
}

int embedded_run(unsigned task)
{
	struct process *process;
	int error, status;

	process_set_kernel_place();
	error = make_file();
	if (error)
		return error;
	process = process_spawn("embedded", exec_task, (void *)(uintptr_t)task);
	if (!process)
		return -ENOMEM;
	status = process_reap(process);
	return status;
}
