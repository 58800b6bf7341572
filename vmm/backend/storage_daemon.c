/* SPDX-License-Identifier: MIT
 *
 * qemu-storage-daemon for one disk image. See helpers.h.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/helpers.h"

#define OPTION_MAX (2 * PATH_MAX + 128)

static const char program[] = "/usr/bin/qemu-storage-daemon";

/* The image's file; a comma of the path is written twice. */
static void describe_file(const struct storage_daemon_options *options, char text[OPTION_MAX])
{
	char *to = text +
		   snprintf(text, OPTION_MAX,
			    "driver=file,node-name=file,read-only=%s,cache.direct=%s,filename=",
			    options->read_only ? "on" : "off", options->direct ? "on" : "off");

	for (const char *from = options->path; *from && to < text + OPTION_MAX - 3; from++) {
		if (*from == ',')
			*to++ = ',';
		*to++ = *from;
	}
	*to = '\0';
}

int storage_daemon_start(const struct storage_daemon_options *options, struct child *child,
			 char *err, size_t err_size)
{
	char file[OPTION_MAX];
	char image[128];
	char export[128];
	char *argv[] = {(char *)program, "--blockdev", file,   "--blockdev",
			image,		 "--export",   export, NULL};
	const char *writable = options->read_only ? "off" : "on";
	int error;

	if (access(program, X_OK) < 0) {
		snprintf(err, err_size,
			 "format=%s: %s is missing; it is in Debian's package qemu-system-common",
			 options->format, program);
		return -ENOENT;
	}
	if (access(options->path, options->read_only ? R_OK : R_OK | W_OK) < 0) {
		error = -errno;
		snprintf(err, err_size, "--disk %s: %s", options->path, strerror(-error));
		return error;
	}
	describe_file(options, file);
	snprintf(image, sizeof(image), "driver=%s,node-name=disk,file=file,read-only=%s",
		 options->format, options->read_only ? "on" : "off");
	snprintf(export, sizeof(export),
		 "vhost-user-blk,id=disk,node-name=disk,addr.type=fd,addr.str=%d,writable=%s,"
		 "num-queues=%u",
		 CHILD_LISTEN_FD, writable, options->queues);
	error = child_start(argv, NULL, NULL, child);
	if (error)
		snprintf(err, err_size, "--disk %s: can't start qemu-storage-daemon: %s",
			 options->path, strerror(-error));
	return error;
}
