/* SPDX-License-Identifier: MIT
 *
 * `--disk`: one disk and the image that it stands on.
 */
#ifndef VITRINE_CMD_DISK_OPTIONS_H
#define VITRINE_CMD_DISK_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/block.h"

enum disk_format { DISK_FORMAT_RAW, DISK_FORMAT_QCOW2 };
enum disk_model { DISK_MODEL_VIRTIO, DISK_MODEL_IDE_PIO, DISK_MODEL_IDE_DMA, DISK_MODEL_CDROM };
enum disk_transport { DISK_TRANSPORT_DEFAULT, DISK_TRANSPORT_PCI, DISK_TRANSPORT_MMIO };

struct disk_options {
	struct block_options block;
	enum disk_format format;
	enum disk_model model;
	enum disk_transport transport; /* virtio */
	unsigned queues;	       /* virtio; 0: one per vCPU, up to four */
	bool packed_ring;	       /* virtio */
	const char *id;		       /* serial number; NULL: none given */
	char *words;		       /* what the strings above point into */
};

/* "PATH[,key=value…]"; a comma of the path is written twice. On success the caller frees with
 * disk_options_free(). 0, or -EINVAL or -ENOMEM with one line in err that lists what is allowed. */
int disk_options_parse(const char *text, struct disk_options *options, char *err, size_t err_size);
void disk_options_free(struct disk_options *options);

#endif
