/* SPDX-License-Identifier: MIT
 *
 * Files that are only counted.
 */
#include "guest/fs/vfs.h"

void file_put(struct file *file)
{
	__atomic_fetch_sub(&file->refs, 1, __ATOMIC_RELEASE);
}
