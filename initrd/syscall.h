/* SPDX-License-Identifier: MIT
 *
 * System calls of Linux x86-64, without a C library. A result from -4095 to -1 is -errno.
 */
#ifndef VITRINE_INITRD_SYSCALL_H
#define VITRINE_INITRD_SYSCALL_H

enum {
	SYS_READ = 0,
	SYS_WRITE = 1,
	SYS_OPEN = 2,
	SYS_CLOSE = 3,
	SYS_NANOSLEEP = 35,
	SYS_EXECVE = 59,
	SYS_CHDIR = 80,
	SYS_CHROOT = 161,
	SYS_MOUNT = 165,
	SYS_UMOUNT2 = 166,
	SYS_FINIT_MODULE = 313
};

enum { O_RDONLY = 0, MS_MOVE = 8192, MODULE_INIT_COMPRESSED_FILE = 4, ENOEXEC = 8 };

struct timespec {
	long seconds;
	long nanoseconds;
};

/* start.S */
long syscall5(long number, long a, long b, long c, long d, long e);

static inline long syscall4(long number, long a, long b, long c, long d)
{
	return syscall5(number, a, b, c, d, 0);
}

#endif
