/* SPDX-License-Identifier: MIT
 *
 * What the two files of socket calls share.
 */
#ifndef GUEST_FS_CALLS_SOCKET_H
#define GUEST_FS_CALLS_SOCKET_H

#include <stdint.h>

#include "guest/fs/socket_family.h"

/* The file at fd, referenced, which is a socket's; or NULL and *error. */
struct file *socket_file(int fd, int *error);

/* A struct sockaddr of the program: 0, -EINVAL, -EFAULT. */
int socket_name_read(struct socket_name *name, uint64_t gva, uint32_t length);
/* Cut to what *length_gva says, which becomes the whole length. family: of one without a name. */
int socket_name_write(const struct socket_name *name, enum socket_family family, uint64_t gva,
		      uint64_t length_gva);

#endif
