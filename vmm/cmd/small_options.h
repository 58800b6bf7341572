/* SPDX-License-Identifier: MIT
 *
 * `--rng`, `--virtio-console`, `--port`, `--balloon`, `--vsock`, `--share`: their values, checked.
 *
 * Each parser takes the value of one option and returns 0, or -EINVAL with one line in err that says what is
 * allowed. transport=pci|mmio and ring=packed|split are allowed everywhere.
 */
#ifndef VITRINE_CMD_SMALL_OPTIONS_H
#define VITRINE_CMD_SMALL_OPTIONS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "virtio/balloon.h"
#include "virtio/console.h"
#include "virtio/fs.h"
#include "virtio/vsock.h"

/* How a device is plugged in. */
struct placement {
	bool mmio;
	bool packed_ring;
};

struct rng_options {
	struct placement placement;
};

struct hvc_options {
	struct placement placement;
	char line[PATH_MAX]; /* as --serial has it */
};

struct port_options {
	struct placement placement;
	char name[VIRTIO_PORT_NAME_BYTES];
	char line[PATH_MAX]; /* "unix:PATH" */
};

struct balloon_options {
	struct placement placement;
	struct virtio_balloon_options balloon;
};

struct vsock_options {
	struct placement placement;
	struct virtio_vsock_options vsock; /* listen_fd is -1 */
};

struct share_options {
	struct placement placement;
	char folder[PATH_MAX];
	char tag[VIRTIO_FS_TAG_BYTES + 1];
	bool read_only;
};

int rng_options_parse(const char *text, struct rng_options *options, char *err, size_t err_size);
int hvc_options_parse(const char *text, struct hvc_options *options, char *err, size_t err_size);
int port_options_parse(const char *text, struct port_options *options, char *err, size_t err_size);
int balloon_options_parse(const char *text, struct balloon_options *options, char *err,
			  size_t err_size);
int vsock_options_parse(const char *text, struct vsock_options *options, char *err,
			size_t err_size);
/* number: of this share, for its tag where none is given ("share0"). */
int share_options_parse(const char *text, unsigned number, struct share_options *options, char *err,
			size_t err_size);

#endif
