/* SPDX-License-Identifier: MIT
 *
 * What the two files of socket calls share.
 */
#ifndef GUEST_FS_CALLS_SOCKET_H
#define GUEST_FS_CALLS_SOCKET_H

#include <stdint.h>

#include "guest/fs/socket.h"

/* The file at fd, referenced, and its socket; or NULL and *error. */
struct file *socket_file(int fd, struct socket **socket, int *error);

/* A struct sockaddr_un of the program: 0, -EINVAL, -EFAULT, -EAFNOSUPPORT. */
int socket_name_read(struct socket_name *name, uint64_t gva, uint32_t length);
/* Cut to what *length_gva says, which becomes the whole length. */
int socket_name_write(const struct socket_name *name, uint64_t gva, uint64_t length_gva);

#endif
