/* SPDX-License-Identifier: MIT
 *
 * epoll: files that are watched for longer than one wait.
 */
#ifndef GUEST_FS_EPOLL_H
#define GUEST_FS_EPOLL_H

struct file;

/* The file is going: whoever watches it no longer does. */
void epoll_forget_file(struct file *file);

#endif
