/* SPDX-License-Identifier: MIT
 *
 * Where gdb connects: the text behind --gdb, and the listening socket that it means.
 */
#ifndef VITRINE_GDB_LISTEN_H
#define VITRINE_GDB_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

struct gdb_listener {
	int fd;
	bool wait;						  /* ",wait" was there */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];	  /* to be removed; "": TCP */
	char remote[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* for `target remote` */
};

/* 0, or -errno with one line in err. */
int gdb_listen(const char *spec, struct gdb_listener *listener, char *err, size_t err_size);
void gdb_listener_close(struct gdb_listener *listener);

#endif
