/* SPDX-License-Identifier: MIT
 *
 * A process's descriptors, and where it stands in the tree; shared by CLONE_FILES and CLONE_FS.
 */
#ifndef GUEST_FS_FILES_H
#define GUEST_FS_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/arch/spinlock.h"
#include "guest/fs/vfs.h"

#define FILES_MAX 1024 /* RLIMIT_NOFILE can't be more */

struct files;

struct files *files_create(void);
struct files *files_copy(struct files *from); /* NULL: no memory */
/* Makes the running process's table its own. 0 or -ENOMEM. */
int files_unshare(void);
struct files *files_get(struct files *files);
void files_put(struct files *files); /* the last one closes all */
void files_close_on_exec(struct files *files);

/* These work on the running process. The file at fd, referenced, or NULL. */
struct file *fd_get(int fd);
/* The lowest free descriptor >= lowest becomes file (whose reference it takes): fd, or -EMFILE and the
 * reference is dropped. */
int fd_install(struct file *file, int lowest, bool close_on_exec);
int fd_close(int fd);
/* As dup2(): closes what was at fd. fd, or -EBADF and the reference is dropped. */
int fd_replace(struct file *file, int fd, bool close_on_exec);
int fd_set_close_on_exec(int fd, bool set);

/* The file at fd of any process, referenced, and whether it is closed on exec; for procfs. */
struct file *files_at(struct files *files, int fd, bool *close_on_exec);

struct place { /* struct fs_struct elsewhere */
	uint32_t refs;
	struct spinlock lock;
	struct path root, here;
	uint32_t umask;
};
struct place *place_copy(struct place *from); /* of NULL: the first one */
struct place *place_get(struct place *place);
void place_put(struct place *place);
/* Whether another process has it too. */
static inline bool place_is_shared(const struct place *place)
{
	return __atomic_load_n(&place->refs, __ATOMIC_RELAXED) > 1;
}
/* Moves place's root or here. */
void place_set(struct place *place, struct path *which, const struct path *path);

#endif
