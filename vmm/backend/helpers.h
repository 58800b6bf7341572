/* SPDX-License-Identifier: MIT
 *
 * The programs of others that serve a device: virtiofsd for shared folders, qemu-storage-daemon for image formats.
 * Both speak vhost-user over the socket of a struct child.
 */
#ifndef VITRINE_BACKEND_HELPERS_H
#define VITRINE_BACKEND_HELPERS_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/child.h"

struct virtiofsd_options {
	const char *folder;
	bool read_only;
};

/* Starts it for a folder, confined to that folder. 0, or -errno with one line in err. */
int virtiofsd_start(const struct virtiofsd_options *options, struct child *child, char *err,
		    size_t err_size);

struct storage_daemon_options {
	const char *path;
	const char *format; /* "qcow2" */
	bool read_only;
	bool direct; /* cache=none */
	unsigned queues;
};

/* Starts it for an image. 0, or -errno with one line in err. */
int storage_daemon_start(const struct storage_daemon_options *options, struct child *child,
			 char *err, size_t err_size);

#endif
