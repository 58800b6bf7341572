/* SPDX-License-Identifier: MIT
 *
 * The PCI function: which window is what, identity, life. See ide.h; ide_internal.h has the map of the rest.
 */
#include "dev/ide.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus/wiring.h"
#include "dev/byte_access.h"
#include "dev/ide_internal.h"
#include "ports.h"

/* PIIX3 (Intel 290550-002) §2.3: timing registers, and whether a channel's ports are decoded. */
#define CONFIG_TIMING 0x40 /* two bytes a channel; the slaves' at 0x44 */
#define TIMING_DECODE 0x8000
#define CONFIG_SLAVE_TIMING 0x44

#define BM_WINDOW_BYTES 16

static void bar_moved(struct pci_function *fn, unsigned bar, uint64_t old_base, uint64_t base)
{
	struct ide *ide = (struct ide *)fn;

	(void)bar;
	(void)old_base;
	for (unsigned i = 0; i < IDE_CHANNELS; i++)
		ide_shortcuts_move(&ide->channel[i],
				   (uint16_t)(base ? base + i * BM_CHANNEL_BYTES : 0));
}

static const struct pci_function_ops function_ops = {
	.bar_moved = bar_moved,
	.vendor = 0x8086,
	.device = 0x7010,
	/* IDE, both channels in compatibility mode and nothing else, with a bus master */
	.class_revision = 0x01018000,
};

static struct ide_channel *channel_of(struct ide *ide, unsigned window)
{
	return &ide->channel[window / 2];
}

/* --- accesses ---------------------------------------------------------------------------------- */

static uint8_t read_command_byte(struct device *dev, uint64_t at)
{
	struct ide *ide = (struct ide *)dev;

	return ide_channel_read(&ide->channel[at / IDE_REGISTERS], at % IDE_REGISTERS);
}

static void write_command_byte(struct device *dev, uint64_t at, uint8_t value)
{
	struct ide *ide = (struct ide *)dev;

	ide_channel_write(&ide->channel[at / IDE_REGISTERS], at % IDE_REGISTERS, value);
}

static uint64_t read_command_block(struct ide *ide, unsigned index, uint64_t offset, unsigned width)
{
	uint64_t value = 0;

	if (offset != IDE_DATA)
		return byte_access_read(&ide->fn.dev, index * IDE_REGISTERS + offset, width,
					read_command_byte);
	ide_pio_read(&ide->channel[index], (uint8_t *)&value, width);
	return value;
}

static void write_command_block(struct ide *ide, unsigned index, uint64_t offset, unsigned width,
				uint64_t value)
{
	if (offset == IDE_DATA)
		ide_pio_write(&ide->channel[index], (uint8_t *)&value, width);
	else
		byte_access_write(&ide->fn.dev, index * IDE_REGISTERS + offset, width, value,
				  write_command_byte);
}

static uint8_t read_bus_master_byte(struct device *dev, uint64_t offset)
{
	struct ide *ide = (struct ide *)dev;

	return ide_bm_read(&ide->channel[offset / BM_CHANNEL_BYTES], offset % BM_CHANNEL_BYTES);
}

static void write_bus_master_byte(struct device *dev, uint64_t offset, uint8_t value)
{
	struct ide *ide = (struct ide *)dev;

	ide_bm_write(&ide->channel[offset / BM_CHANNEL_BYTES], offset % BM_CHANNEL_BYTES, value);
}

static uint64_t read_register(struct device *dev, unsigned region, uint64_t offset, unsigned width)
{
	struct ide *ide = (struct ide *)dev;

	switch (region) {
	case PCI_FIXED_WINDOW + IDE_COMMAND_0:
	case PCI_FIXED_WINDOW + IDE_COMMAND_1:
		return read_command_block(ide, (region - PCI_FIXED_WINDOW) / 2, offset, width);
	case PCI_FIXED_WINDOW + IDE_CONTROL_0:
	case PCI_FIXED_WINDOW + IDE_CONTROL_1:
		return ide_channel_status(channel_of(ide, region - PCI_FIXED_WINDOW));
	case IDE_BAR_BUS_MASTER: return byte_access_read(dev, offset, width, read_bus_master_byte);
	default: return UINT64_MAX;
	}
}

static void write_register(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			   uint64_t value)
{
	struct ide *ide = (struct ide *)dev;

	switch (region) {
	case PCI_FIXED_WINDOW + IDE_COMMAND_0:
	case PCI_FIXED_WINDOW + IDE_COMMAND_1:
		write_command_block(ide, (region - PCI_FIXED_WINDOW) / 2, offset, width, value);
		break;
	case PCI_FIXED_WINDOW + IDE_CONTROL_0:
	case PCI_FIXED_WINDOW + IDE_CONTROL_1:
		ide_channel_write_control(channel_of(ide, region - PCI_FIXED_WINDOW),
					  (uint8_t)value);
		break;
	case IDE_BAR_BUS_MASTER:
		byte_access_write(dev, offset, width, value, write_bus_master_byte);
		break;
	default: break;
	}
}

/* The one port where strings go. */
static bool is_data_port(unsigned region, uint64_t offset)
{
	return offset == IDE_DATA && (region == PCI_FIXED_WINDOW + IDE_COMMAND_0 ||
				      region == PCI_FIXED_WINDOW + IDE_COMMAND_1);
}

static bool read_string(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			void *data, unsigned count)
{
	if (!is_data_port(region, offset))
		return false;
	ide_pio_read(channel_of((struct ide *)dev, region - PCI_FIXED_WINDOW), data, width * count);
	return true;
}

static bool write_string(struct device *dev, unsigned region, uint64_t offset, unsigned width,
			 const void *data, unsigned count)
{
	if (!is_data_port(region, offset))
		return false;
	ide_pio_write(channel_of((struct ide *)dev, region - PCI_FIXED_WINDOW), data,
		      width * count);
	return true;
}

static const char *register_name(unsigned region, uint64_t offset, bool is_write)
{
	static const char *const command[2][IDE_REGISTERS] = {
		{"DATA", "ERROR", "COUNT", "LBA_LOW", "LBA_MID", "LBA_HIGH", "DEVICE", "STATUS"},
		{"DATA", "FEATURES", "COUNT", "LBA_LOW", "LBA_MID", "LBA_HIGH", "DEVICE",
		 "COMMAND"}};
	static const char *const master[BM_CHANNEL_BYTES] = {
		[BM_COMMAND] = "BM_COMMAND", [BM_STATUS] = "BM_STATUS", [BM_PRD_TABLE] = "BM_PRD"};

	switch (region) {
	case PCI_FIXED_WINDOW + IDE_COMMAND_0:
	case PCI_FIXED_WINDOW + IDE_COMMAND_1:
		return offset < IDE_REGISTERS ? command[is_write][offset] : NULL;
	case PCI_FIXED_WINDOW + IDE_CONTROL_0:
	case PCI_FIXED_WINDOW + IDE_CONTROL_1: return is_write ? "CONTROL" : "ALT_STATUS";
	case IDE_BAR_BUS_MASTER: return master[offset % BM_CHANNEL_BYTES];
	default: return NULL;
	}
}

/* --- life -------------------------------------------------------------------------------------- */

static void realize_drive(struct ide *ide, unsigned number, const struct ide_options *options)
{
	struct ide_channel *ch = &ide->channel[number / 2];
	struct ide_drive *drive = &ch->drive[number % 2];

	drive->channel = ch;
	drive->index = number % 2;
	drive->block = options->drive[number].block;
	drive->cdrom = options->drive[number].cdrom;
	drive->dma = options->drive[number].dma;
	drive->present = drive->block || drive->cdrom;
	ch->populated |= drive->present;
	if (drive->block)
		drive->info = block_get_info(drive->block);
	drive->sector_count = drive->info.size_bytes / IDE_SECTOR_BYTES;
	if (options->drive[number].serial)
		snprintf(drive->serial, sizeof(drive->serial), "%s", options->drive[number].serial);
	else
		snprintf(drive->serial, sizeof(drive->serial), "VITRINE%05u", number);
}

static int connect_irq(struct ide_channel *ch, const struct device_setup *setup)
{
	const struct wiring *wiring = setup->wiring;

	ch->irq = setup->irq;
	ch->irq.gsi = ch->index ? IRQ_IDE_1 : IRQ_IDE_0;
	if (!wiring)
		return 0;
	ch->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return ch->irq_fd < 0 ? -errno : wiring->add_irqfd(wiring->kvm, ch->irq.gsi, ch->irq_fd);
}

static int realize_channel(struct ide *ide, unsigned index, const struct device_setup *setup)
{
	struct ide_channel *ch = &ide->channel[index];

	for (unsigned i = 0; i < 2; i++)
		realize_drive(ide, index * 2 + i, setup->options);
	ide_channel_power_on(ch);
	if (!ch->populated)
		return 0;
	pci_put16(&ide->fn, CONFIG_TIMING + index * 2, TIMING_DECODE);
	ch->buffer = malloc(IDE_BUFFER_BYTES);
	return ch->buffer ? connect_irq(ch, setup) : -ENOMEM;
}

static void realize_function(struct ide *ide)
{
	pci_function_init(&ide->fn, &function_ops);
	pci_add_bar(&ide->fn, IDE_BAR_BUS_MASTER, BUS_PIO, BM_WINDOW_BYTES);
	pci_set_writable(&ide->fn, CONFIG_TIMING, UINT32_MAX);
	pci_set_writable(&ide->fn, CONFIG_SLAVE_TIMING, 0xff);
	ide->fn.config[PCI_INTERRUPT_PIN] = 0; /* 14 and 15 are ISA interrupts */
}

static void destroy(struct device *dev)
{
	struct ide *ide = (struct ide *)dev;

	ide_work_destroy(ide);
	for (unsigned i = 0; i < IDE_CHANNELS; i++) {
		struct ide_channel *ch = &ide->channel[i];

		if (ch->irq_fd >= 0) {
			ide->wiring->remove_irqfd(ide->wiring->kvm, ch->irq.gsi, ch->irq_fd);
			close(ch->irq_fd);
		}
		free(ch->buffer);
	}
}

static int realize(struct device *dev, const struct device_setup *setup)
{
	struct ide *ide = (struct ide *)dev;
	int err;

	ide->mem = setup->mem;
	ide->wiring = setup->wiring;
	ide->work_fd = -1;
	for (unsigned i = 0; i < IDE_CHANNELS; i++) {
		ide->channel[i].ide = ide;
		ide->channel[i].index = i;
		ide->channel[i].irq_fd = -1;
		ide->channel[i].bm.doorbell[0].fd = ide->channel[i].bm.doorbell[1].fd = -1;
	}
	realize_function(ide);
	err = realize_channel(ide, 0, setup);
	if (!err)
		err = realize_channel(ide, 1, setup);
	if (!err)
		err = ide_work_create(ide);
	if (err)
		destroy(dev);
	return err;
}

/* A channel is a queue of one: commands are its kicks; their other exits stand with the windows. */
static bool queue(struct device *dev, unsigned index, struct queue_counters *out)
{
	const struct ide *ide = (const struct ide *)dev;

	if (index >= IDE_CHANNELS)
		return false;
	*out = ide->channel[index].counters;
	snprintf(out->name, sizeof(out->name), "channel %u", index);
	return true;
}

const struct device_ops ide_ops = {
	.name = "piix3-ide",
	.state_bytes = sizeof(struct ide),
	.realize = realize,
	.read = read_register,
	.write = write_register,
	.read_string = read_string,
	.write_string = write_string,
	.register_name = register_name,
	.destroy = destroy,
	.queue = queue,
};
