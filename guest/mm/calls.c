/* SPDX-License-Identifier: MIT
 *
 * System calls that make, change and remove mappings.
 */
#include <stddef.h>

#include "guest/fs/files.h"
#include "guest/lib/errno.h"
#include "guest/mm/limits.h"
#include "guest/mm/map.h"
#include "guest/sched/task.h"
#include "guest/syscall/calls.h"

#define MAP_SHARED_VALIDATE 3
#define HUGE_SIZE_SHIFT 26 /* in mmap's flags; only 2 MiB */

int64_t sys_mmap(uint64_t gva, uint64_t bytes, int protection, int flags, int fd, uint64_t offset)
{
	struct file *file = NULL;
	int64_t result;

	if ((flags & MAP_SHARED_VALIDATE) == MAP_SHARED_VALIDATE)
		flags &= ~MAP_PRIVATE; /* MAP_SHARED, from who wants unknown flags refused */
	if (flags & MAP_HUGETLB && (flags >> HUGE_SIZE_SHIFT & 63) % 21)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		file = fd_get(fd);
		if (!file)
			return -EBADF;
	} else {
		offset = 0;
	}
	result = space_map(task_this()->space, gva, bytes, protection, flags, file, offset);
	if (file)
		file_put(file);
	return result;
}

int64_t sys_munmap(uint64_t gva, uint64_t bytes)
{
	return space_unmap(task_this()->space, gva, bytes);
}

int64_t sys_mprotect(uint64_t gva, uint64_t bytes, int protection)
{
	return space_protect(task_this()->space, gva, bytes, protection);
}

int64_t sys_brk(uint64_t gva)
{
	return (int64_t)space_set_brk(task_this()->space, gva);
}

int64_t sys_mremap(uint64_t gva, uint64_t old_bytes, uint64_t new_bytes, int flags,
		   uint64_t new_gva)
{
	return space_remap(task_this()->space, gva, old_bytes, new_bytes, flags, new_gva);
}
