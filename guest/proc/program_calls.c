/* SPDX-License-Identifier: MIT
 *
 * The system calls. Arguments come from user code: numbers are compared, pointers are looked up.
 */
#include "guest/arch/trap.h"
#include "guest/drivers/console.h"
#include "guest/proc/user_program.h"
#include "guest/user/syscall.h"

#define WRITE_MAX 0x10000
#define CHUNK_BYTES 256
enum { NO_SUCH_CALL = -38, BAD_ADDRESS = -14, BAD_FILE = -9 };

int64_t syscall_dispatch(struct user_program *process, const struct trap_frame *frame);

static int64_t sys_write(struct user_program *process, uint64_t file, uint64_t gva, uint64_t bytes)
{
	char chunk[CHUNK_BYTES];
	uint64_t done = 0;

	if (file != 1 && file != 2)
		return BAD_FILE;
	if (bytes > WRITE_MAX)
		bytes = WRITE_MAX;
	while (done < bytes) {
		const uint64_t left = bytes - done;
		const uint64_t part = left < CHUNK_BYTES ? left : CHUNK_BYTES;

		if (!process_copy_in(process, chunk, gva + done, part))
			return done ? (int64_t)done : BAD_ADDRESS;
		console_write(chunk, part);
		done += part;
	}
	return (int64_t)done;
}

int64_t syscall_dispatch(struct user_program *process, const struct trap_frame *frame)
{
	switch (frame->rax) {
	case SYSCALL_WRITE: return sys_write(process, frame->rdi, frame->rsi, frame->rdx);
	case SYSCALL_GETPID: return process->pid;
	case SYSCALL_EXIT: process_end(frame->rdi & 0xff);
	default: return NO_SUCH_CALL;
	}
}
