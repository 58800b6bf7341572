/* SPDX-License-Identifier: MIT
 *
 * See devices.h.
 */
#include "cmd/devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/helpers.h"
#include "cmd/disk_options.h"
#include "cmd/net_options.h"
#include "cmd/small_devices.h"
#include "dev/e1000.h"
#include "dev/ide.h"
#include "dev/ne2000.h"
#include "dev/nic.h"
#include "virtio/blk.h"
#include "virtio/net.h"
#include "virtio/vhost_blk.h"
#include "virtio_ring.h"

#define DISK_MAX 26
#define CARD_MAX 16
#define QUEUES_DEFAULT_MAX 4
#define NAME_BYTES 16
#define RING_FEATURES                                                          \
	(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX) | \
	 VIRTIO_BIT(VIRTIO_F_IN_ORDER) | VIRTIO_BIT(VIRTIO_F_RING_RESET))

struct disk {
	struct disk_options options;
	struct block *block;
	struct virtio_blk_options virtio;
	struct child child; /* format=qcow2 */
	struct virtio_vhost_blk_options vhost;
};

struct card {
	struct virtio_net_options virtio;
	struct nic_options nic;
};

struct devices {
	struct disk disk[DISK_MAX];
	unsigned disk_count;
	struct net_card_options card_options[CARD_MAX];
	struct net *net[CARD_MAX];
	struct card card[CARD_MAX];
	unsigned card_count;
	struct ide_options ide; /* one controller for all IDE disks */
	unsigned ide_count;
	struct small_devices *small; /* NULL: none of them */
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
		child_stop(&devices->disk[i].child);
		vhost_user_destroy(devices->disk[i].vhost.vhost);
		disk_options_free(&devices->disk[i].options);
	}
	for (unsigned i = 0; i < devices->card_count; i++) {
		net_close(devices->net[i]);
		net_card_options_free(&devices->card_options[i]);
	}
	small_devices_destroy(devices->small);
	free(devices);
}

int devices_add_small(struct devices *devices, const char *option, const char *value, char *err,
		      size_t err_size)
{
	if (!devices->small && small_devices_create(&devices->small) < 0) {
		snprintf(err, err_size, "out of memory");
		return -ENOMEM;
	}
	return small_devices_add(devices->small, option, value, err, err_size);
}

const char *devices_hvc_line(const struct devices *devices)
{
	return devices->small ? small_devices_hvc_line(devices->small) : NULL;
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
	devices->disk[devices->disk_count].child = (struct child){0, -1};
	if (!error)
		devices->disk_count++;
	return error;
}

int devices_add_net(struct devices *devices, const char *value, char *err, size_t err_size)
{
	struct net_card_options *options = &devices->card_options[devices->card_count];
	int error;

	if (devices->card_count == CARD_MAX) {
		snprintf(err, err_size, "there are %d cards already; more are not possible",
			 CARD_MAX);
		return -EINVAL;
	}
	error = net_card_options_parse(value, options, err, err_size);
	if (error)
		return error;
	if (options->none)
		net_card_options_free(options);
	else
		devices->card_count++;
	return 0;
}

/* The next plugin, called after its kind: "disk0". NULL, and a line in err: the board is full. */
static struct board_plugin *add_plugin(struct devices *devices, const char *kind, unsigned number,
				       char *err, size_t err_size)
{
	unsigned at = devices->plugin_count;
	struct board_plugin *plugin;
	char *name;

	if (at == BOARD_PLUGIN_MAX) {
		snprintf(err, err_size, "more than %d devices are not possible", BOARD_PLUGIN_MAX);
		return NULL;
	}
	plugin = &devices->plugin[at];
	name = devices->name[at];
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

static int plug_card(struct devices *devices, unsigned index, char *err, size_t err_size)
{
	const struct net_card_options *options = &devices->card_options[index];
	struct card *card = &devices->card[index];
	struct board_plugin *plugin;
	const struct board_plugin virtio = {
		.plug = options->transport == NET_TRANSPORT_MMIO ? BOARD_PLUG_VIRTIO_MMIO
								 : BOARD_PLUG_VIRTIO_PCI,
		.model = &virtio_net_model,
		.options = &card->virtio,
	};

	card->virtio.net = card->nic.net = devices->net[index];
	if (options->model == NET_MODEL_VIRTIO)
		return plug_virtio(devices, "net", index, &virtio, options->packed_ring, err,
				   err_size);
	plugin = add_plugin(devices, "net", index, err, err_size);
	if (!plugin)
		return -ENOSPC;
	plugin->plug = BOARD_PLUG_PCI;
	plugin->ops = options->model == NET_MODEL_E1000 ? &e1000_ops : &ne2000_ops;
	plugin->options = &card->nic;
	return 0;
}

static int open_cards(struct devices *devices, char *const *argv, char *err, size_t err_size)
{
	int error;

	for (unsigned i = 0; i < devices->card_count; i++)
		net_card_choose_mac(&devices->card_options[i], argv, i);
	error = net_cards_open(devices->card_options, devices->card_count, devices->net, err,
			       err_size);
	for (unsigned i = 0; !error && i < devices->card_count; i++)
		error = plug_card(devices, i, err, err_size);
	return error;
}

/* Its rings are served by qemu-storage-daemon. */
static int open_qcow2(struct devices *devices, unsigned index, unsigned queues, char *err,
		      size_t err_size)
{
	struct disk *disk = &devices->disk[index];
	struct storage_daemon_options options = {
		.path = disk->options.block.path,
		.format = "qcow2",
		.read_only = disk->options.block.read_only,
		.direct = disk->options.block.cache == BLOCK_CACHE_NONE,
		.queues = queues,
	};
	int error = storage_daemon_start(&options, &disk->child, err, err_size);

	if (error)
		return error;
	error = vhost_user_create(disk->child.fd, "qemu-storage-daemon", &disk->vhost.vhost);
	disk->child.fd = -1; /* the connection has it */
	if (error) {
		snprintf(err, err_size, "--disk %s: qemu-storage-daemon does not serve it: %s",
			 options.path, strerror(-error));
		return error;
	}
	disk->vhost.queues = queues;

	const struct board_plugin plugin = {
		.plug = disk->options.transport == DISK_TRANSPORT_MMIO ? BOARD_PLUG_VIRTIO_MMIO
								       : BOARD_PLUG_VIRTIO_PCI,
		.model = &virtio_vhost_blk_model,
		.options = &disk->vhost,
		.shares_memory = true,
	};

	return plug_virtio(devices, "disk", index, &plugin, disk->options.packed_ring, err,
			   err_size);
}

static int open_disk(struct devices *devices, unsigned index, unsigned cpu_count, struct loop *loop,
		     char *err, size_t err_size)
{
	struct disk *disk = &devices->disk[index];
	bool mmio = disk->options.transport == DISK_TRANSPORT_MMIO;
	unsigned queues = disk->options.queues;
	const struct board_plugin plugin = {
		.plug = mmio ? BOARD_PLUG_VIRTIO_MMIO : BOARD_PLUG_VIRTIO_PCI,
		.model = &virtio_blk_model,
		.options = &disk->virtio,
	};
	int error;

	if (!queues)
		queues = mmio ? 1 : cpu_count < QUEUES_DEFAULT_MAX ? cpu_count : QUEUES_DEFAULT_MAX;
	if (disk->options.format == DISK_FORMAT_QCOW2)
		return open_qcow2(devices, index, queues, err, err_size);
	error = block_open(&disk->options.block, &disk->block, err, err_size);
	if (error)
		return error;
	if (disk->options.model != DISK_MODEL_VIRTIO)
		return plug_ide(devices, disk, err, err_size);
	/* Where that is impossible (too many of a user's inotify instances), the disk stays as large as it is. */
	(void)block_watch_size(disk->block, loop);
	disk->virtio = (struct virtio_blk_options){
		.block = disk->block, .serial = disk->options.id, .queues = queues};
	return plug_virtio(devices, "disk", index, &plugin, disk->options.packed_ring, err,
			   err_size);
}

static int plug_small(void *ctx, const char *kind, unsigned number, const struct board_plugin *as,
		      bool packed_ring, char *err, size_t err_size)
{
	return plug_virtio(ctx, kind, number, as, packed_ring, err, err_size);
}

int devices_open(struct devices *devices, unsigned cpu_count, char *const *argv, struct loop *loop,
		 const struct console_keys *keys, char *err, size_t err_size)
{
	int error = 0;

	for (unsigned i = 0; !error && i < devices->disk_count; i++)
		error = open_disk(devices, i, cpu_count, loop, err, err_size);
	if (!error)
		error = open_cards(devices, argv, err, err_size);
	if (!error && devices->small)
		error = small_devices_open(devices->small, loop, keys, plug_small, devices, err,
					   err_size);
	return error;
}

static int place_disk(struct devices *devices, unsigned index, char *err, size_t err_size)
{
	struct disk *disk = &devices->disk[index];
	bool mmio = disk->options.transport == DISK_TRANSPORT_MMIO;
	const struct board_plugin plugin = {.plug = mmio ? BOARD_PLUG_VIRTIO_MMIO
							 : BOARD_PLUG_VIRTIO_PCI};

	return disk->options.model != DISK_MODEL_VIRTIO
		       ? plug_ide(devices, disk, err, err_size)
		       : plug_virtio(devices, "disk", index, &plugin, false, err, err_size);
}

int devices_place(struct devices *devices, char *err, size_t err_size)
{
	int error = 0;

	for (unsigned i = 0; !error && i < devices->disk_count; i++)
		error = place_disk(devices, i, err, err_size);
	for (unsigned i = 0; !error && i < devices->card_count; i++)
		error = plug_card(devices, i, err, err_size);
	if (!error && devices->small)
		error = small_devices_place(devices->small, plug_small, devices, err, err_size);
	return error;
}

const struct board_plugin *devices_plugins(const struct devices *devices, unsigned *count)
{
	*count = devices->plugin_count;
	return devices->plugin;
}
