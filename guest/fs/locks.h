/* SPDX-License-Identifier: MIT
 *
 * Advisory locks on files: flock(), and ranges by fcntl(), POSIX's (whose owner is a descriptor table) or
 * those of open files ("OFD").
 */
#ifndef GUEST_FS_LOCKS_H
#define GUEST_FS_LOCKS_H

#include <stdint.h>

struct file;
struct files;

/* Linux's struct flock. */
struct lock_request {
	int16_t type, whence;
	uint32_t reserved;
	int64_t start, length;
	int32_t pid;
	uint32_t reserved_end;
};
_Static_assert(sizeof(struct lock_request) == 32, "struct flock");

/* Linux's numbers. */
enum lock_type { F_RDLCK = 0, F_WRLCK = 1, F_UNLCK = 2 };
enum lock_command {
	F_GETLK = 5,
	F_SETLK = 6,
	F_SETLKW = 7,
	F_OFD_GETLK = 36,
	F_OFD_SETLK = 37,
	F_OFD_SETLKW = 38
};
enum flock_operation { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 };

/* fcntl() with one of lock_command; F_GETLK changes request. 0 or -errno. */
int lock_fcntl(struct file *file, enum lock_command command, struct lock_request *request);
int lock_flock(struct file *file, unsigned operation);

/* A descriptor of files for file was closed: its POSIX locks go. */
void lock_forget_owner(struct file *file, const struct files *files);
/* The file is going: its flock() and OFD locks do too. */
void lock_forget_file(struct file *file);

#endif
