/* SPDX-License-Identifier: MIT
 *
 * --strace[=FILE]: one line for each system call of the bundled guest's programs, as strace writes it.
 *
 *        7 cat              openat(AT_FDCWD, "/etc/passwd", O_RDONLY, 0) = -1 ENOENT (No such file or directory)
 */
#ifndef VITRINE_OBSERVE_SYSCALL_TRACE_H
#define VITRINE_OBSERVE_SYSCALL_TRACE_H

#include <stddef.h>
#include <stdint.h>

struct syscall_trace;

/* path NULL: standard error. 0 or -errno. */
int syscall_trace_open(const char *path, struct syscall_trace **out);
void syscall_trace_close(struct syscall_trace *trace); /* NULL is fine */

/* Writes the lines of the records in a batch (abi/syscall_trace.h), a copy of what the guest gave: how many, or
 * -EINVAL at the first that makes no sense. Any thread; the lines of a batch stay together. If the file can't be
 * written any more, one warning says so, tracing stops and the VM goes on. */
int64_t syscall_trace_write(struct syscall_trace *trace, const uint8_t *batch, size_t len_bytes);

/* The line of the record at the start of batch, without newline and cut to size (> 0): the record's bytes, or
 * -EINVAL. */
int64_t syscall_trace_format(const uint8_t *batch, size_t len_bytes, char *line, size_t size);

#endif
