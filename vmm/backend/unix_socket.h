/* SPDX-License-Identifier: MIT
 *
 * Unix stream sockets by path, as serial lines, console ports and vsock use them.
 */
#ifndef VITRINE_BACKEND_UNIX_SOCKET_H
#define VITRINE_BACKEND_UNIX_SOCKET_H

#define UNIX_SOCKET_PATH_BYTES 108 /* with the 0 at its end; unix(7) */

/* Listens at path; a socket that nobody listens on any more is taken over. Returns a non-blocking descriptor, or
 * -EADDRINUSE (somebody listens), -EEXIST (no socket), -ENAMETOOLONG (or empty), -errno. Whoever
 * closes it removes the path. */
int unix_socket_listen(const char *path, int backlog);

/* The next client of a listening socket, non-blocking; -errno. */
int unix_socket_accept(int listen_fd);

/* Connects at once or not at all: a descriptor, non-blocking, or -errno (-EAGAIN: its queue is full). */
int unix_socket_connect(const char *path);

#endif
