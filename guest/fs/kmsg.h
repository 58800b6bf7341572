/* SPDX-License-Identifier: MIT
 *
 * The kernel log for programs: /dev/kmsg, /proc/kmsg and syslog(2).
 */
#ifndef GUEST_FS_KMSG_H
#define GUEST_FS_KMSG_H

#include "guest/fs/vfs.h"

/* Registers /dev/kmsg; "quiet" on the command line keeps all but warnings off the console. */
void kmsg_init(void);

/* What /proc/kmsg does: lines as syslog(2) gives them, each once. */
extern const struct file_operations kmsg_proc_operations;

#endif
