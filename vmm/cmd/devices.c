/* SPDX-License-Identifier: MIT
 *
 * See devices.h.
 */
#include "cmd/devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/disk_options.h"
#include "dev/ide.h"
#include "virtio/blk.h"
#include "virtio_ring.h"

#define DISK_MAX 26
#define QUEUES_DEFAULT_MAX 4
#define NAME_BYTES 16
#define RING_FEATURES                                                          \
	(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX) | \
	 VIRTIO_BIT(VIRTIO_F_IN_ORDER) | VIRTIO_BIT(VIRTIO_F_RING_RESET))

struct disk {
	struct disk_options options;
	struct block *block;
	struct virtio_blk_options virtio;
};

struct devices {
	struct disk disk[DISK_MAX];
	unsigned disk_count;
	struct ide_options ide; /* one controller for all IDE disks */
	unsigned ide_count;
	struct board_plugin plugin[BOARD_PLUGIN_MAX];
	char name[BOARD_PLUGIN_MAX][NAME_BYTES];
	unsigned plugin_count;
};

int devices_create(struct devices **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void devices_destroy(struct devices *devices)
{
	if (!devices)
		return;
	for (unsigned i = 0; i < devices->disk_count; i++) {
		block_close(devices->disk[i].block);
		disk_options_free(&devices->disk[i].options);
	}
	free(devices);
}

int devices_add_disk(struct devices *devices, const char *value, char *err, size_t err_size)
{
	int error;

	if (devices->disk_count == DISK_MAX) {
		snprintf(err, err_size, "there are %d disks already; more are not possible",
			 DISK_MAX);
		return -EINVAL;
	}
	error = disk_options_parse(value, &devices->disk[devices->disk_count].options, err,
				   err_size);
	if (!error)
		devices->disk_count++;
	return error;
}

/* The next plugin, called after its kind: "disk0". NULL, and a line in err: the board is full. */
static struct board_plugin *add_plugin(struct devices *devices, const char *kind, unsigned number,
				       char *err, size_t err_size)
{
	struct board_plugin *plugin = &devices->plugin[devices->plugin_count];
	char *name = devices->name[devices->plugin_count];

	if (devices->plugin_count == BOARD_PLUGIN_MAX) {
		snprintf(err, err_size, "more than %d devices are not possible", BOARD_PLUGIN_MAX);
		return NULL;
	}
	devices->plugin_count++;
	snprintf(name, NAME_BYTES, "%s%u", kind, number);
	plugin->name = name;
	return plugin;
}

static int plug_virtio(struct devices *devices, const char *kind, unsigned number,
		       const struct board_plugin *as, bool packed_ring, char *err, size_t err_size)
{
	struct board_plugin *plugin = add_plugin(devices, kind, number, err, err_size);
	const char *name;

	if (!plugin)
		return -ENOSPC;
	name = plugin->name;
	*plugin = *as;
	plugin->name = name;
	plugin->ring_features = RING_FEATURES |
				(packed_ring ? VIRTIO_BIT(VIRTIO_F_RING_PACKED) : 0);
	return 0;
}

/* The next place on the cables; the controller comes with the first drive. */
static int plug_ide(struct devices *devices, struct disk *disk, char *err, size_t err_size)
{
	unsigned number = devices->ide_count;
	struct board_plugin *plugin;

	if (number == IDE_DRIVE_MAX) {
		snprintf(err, err_size, "IDE has room for %d drives; use model=virtio for the rest",
			 IDE_DRIVE_MAX);
		return -ENOSPC;
	}
	devices->ide_count++;
	devices->ide.drive[number].block = disk->block;
	devices->ide.drive[number].cdrom = disk->options.model == DISK_MODEL_CDROM;
	devices->ide.drive[number].dma = disk->options.model != DISK_MODEL_IDE_PIO;
	devices->ide.drive[number].serial = disk->options.id;
	if (number > 0)
		return 0;
	plugin = add_plugin(devices, "ide", 0, err, err_size);
	if (!plugin)
		return -ENOSPC;
	plugin->plug = BOARD_PLUG_PCI;
	plugin->ops = &ide_ops;
	plugin->options = &devices->ide;
	plugin->window = board_ide_window;
	plugin->window_count = BOARD_IDE_WINDOWS;
	return 0;
}

static int open_disk(struct devices *devices, unsigned index, unsigned cpu_count, char *err,
		     size_t err_size)
{
	struct disk *disk = &devices->disk[index];
	bool mmio = disk->options.transport == DISK_TRANSPORT_MMIO;
	unsigned queues = disk->options.queues;
	const struct board_plugin plugin = {
		.plug = mmio ? BOARD_PLUG_VIRTIO_MMIO : BOARD_PLUG_VIRTIO_PCI,
		.model = &virtio_blk_model,
		.options = &disk->virtio,
	};
	int error = block_open(&disk->options.block, &disk->block, err, err_size);

	if (error)
		return error;
	if (disk->options.model != DISK_MODEL_VIRTIO)
		return plug_ide(devices, disk, err, err_size);
	if (!queues)
		queues = mmio ? 1 : cpu_count < QUEUES_DEFAULT_MAX ? cpu_count : QUEUES_DEFAULT_MAX;
	disk->virtio = (struct virtio_blk_options){
		.block = disk->block, .serial = disk->options.id, .queues = queues};
	return plug_virtio(devices, "disk", index, &plugin, disk->options.packed_ring, err,
			   err_size);
}

int devices_open(struct devices *devices, unsigned cpu_count, char *err, size_t err_size)
{
	int error = 0;

	for (unsigned i = 0; !error && i < devices->disk_count; i++)
		error = open_disk(devices, i, cpu_count, err, err_size);
	return error;
}

const struct board_plugin *devices_plugins(const struct devices *devices, unsigned *count)
{
	*count = devices->plugin_count;
	return devices->plugin;
}
