/* SPDX-License-Identifier: MIT
 *
 * A host on the IDE cable: a controller with two disks and two CD-ROM drives (one without a medium), and
 * commands as a driver issues them. To be included once.
 */
#ifndef VITRINE_TESTS_IDE_HOST_H
#define VITRINE_TESTS_IDE_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dev_fake.h"
#include "ide_fake.h"

#define BSY 0x80
#define DRDY 0x40
#define DF 0x20
#define DRQ 0x08
#define ERR 0x01
#define UNC 0x40
#define IDNF 0x10
#define ABRT 0x04
#define MASTER_LBA 0x40
#define SLAVE_LBA 0x50

#define DISK_BYTES (300ull << 30) /* more than LBA28 reaches */
#define SMALL_BYTES (1000 * 512)
#define CD_BYTES (50 * 2048 + 512)

enum { DATA, FEATURES, COUNT, LBA_LOW, LBA_MID, LBA_HIGH, DEVICE, COMMAND };

struct ide_host {
	struct device *dev;
	struct fake_line line[2];
	struct gmem mem;
	struct block *disk, *small, *cd;
	struct ide_options options;
	unsigned channel;
};

static struct ide_host *irq_host; /* the lines' other end */

static inline void host_set_level(void *irqchip, unsigned gsi, bool level)
{
	(void)irqchip;
	assert_true(gsi == 14 || gsi == 15);
	fake_line_set(&irq_host->line[gsi - 14], gsi, level);
}

static inline int host_setup(void **state)
{
	struct ide_host *h = calloc(1, sizeof(*h));
	struct device_setup setup = {.mem = &h->mem, .irq = {.set_level = host_set_level}};

	irq_host = h;
	h->disk = fake_block(DISK_BYTES);
	h->small = fake_block(SMALL_BYTES);
	h->cd = fake_block(CD_BYTES);
	h->options.drive[0].block = h->disk;
	h->options.drive[0].dma = true;
	h->options.drive[0].serial = "S-1";
	h->options.drive[1].block = h->small;
	h->options.drive[2].block = h->cd;
	h->options.drive[2].cdrom = true;
	h->options.drive[2].dma = true;
	h->options.drive[3].cdrom = true;
	setup.options = &h->options;
	*state = h;
	assert_int_equal(gmem_create(&h->mem, FAKE_RAM_BYTES, GMEM_ANONYMOUS), 0);
	assert_int_equal(device_create(&ide_ops, "ide0", &setup, &h->dev), 0);
	pci_config_write((struct pci_function *)h->dev, PCI_COMMAND, 2,
			 PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	return 0;
}

static inline int host_teardown(void **state)
{
	struct ide_host *h = *state;

	device_destroy(h->dev);
	gmem_destroy(&h->mem);
	fake_block_free(h->disk);
	fake_block_free(h->small);
	fake_block_free(h->cd);
	free(h);
	return 0;
}

/* --- registers --------------------------------------------------------------------------------- */

static inline unsigned command_window(const struct ide_host *h)
{
	return PCI_FIXED_WINDOW + (h->channel ? IDE_COMMAND_1 : IDE_COMMAND_0);
}

static inline uint8_t in(struct ide_host *h, unsigned reg)
{
	return (uint8_t)dev_read_wide(h->dev, command_window(h), reg, 1);
}

static inline void out(struct ide_host *h, unsigned reg, unsigned value)
{
	dev_write_wide(h->dev, command_window(h), reg, 1, value);
}

static inline uint8_t alt_status(struct ide_host *h)
{
	return (uint8_t)dev_read_wide(h->dev, command_window(h) + 1, 0, 1);
}

static inline void control(struct ide_host *h, uint8_t value)
{
	dev_write_wide(h->dev, command_window(h) + 1, 0, 1, value);
}

static inline uint32_t bm_in(struct ide_host *h, unsigned offset, unsigned width)
{
	return (uint32_t)dev_read_wide(h->dev, IDE_BAR_BUS_MASTER, h->channel * 8 + offset, width);
}

static inline void bm_out(struct ide_host *h, unsigned offset, unsigned width, uint32_t value)
{
	dev_write_wide(h->dev, IDE_BAR_BUS_MASTER, h->channel * 8 + offset, width, value);
}

static inline bool line(const struct ide_host *h)
{
	return h->line[h->channel].level;
}

static inline unsigned rises(const struct ide_host *h)
{
	return h->line[h->channel].rises;
}

/* --- commands ---------------------------------------------------------------------------------- */

/* LBA28; device has the LBA and slave bits. */
static inline void command28(struct ide_host *h, uint8_t code, uint8_t device, uint32_t lba,
			     unsigned count)
{
	out(h, DEVICE, device | (lba >> 24 & 0x0f));
	out(h, COUNT, count);
	out(h, LBA_LOW, lba);
	out(h, LBA_MID, lba >> 8);
	out(h, LBA_HIGH, lba >> 16);
	out(h, COMMAND, code);
}

static inline void command48(struct ide_host *h, uint8_t code, uint8_t device, uint64_t lba,
			     unsigned count)
{
	out(h, DEVICE, device);
	out(h, COUNT, count >> 8);
	out(h, LBA_LOW, (unsigned)(lba >> 24));
	out(h, LBA_MID, (unsigned)(lba >> 32));
	out(h, LBA_HIGH, (unsigned)(lba >> 40));
	out(h, COUNT, count);
	out(h, LBA_LOW, (unsigned)lba);
	out(h, LBA_MID, (unsigned)(lba >> 8));
	out(h, LBA_HIGH, (unsigned)(lba >> 16));
	out(h, COMMAND, code);
}

static inline void features(struct ide_host *h, uint8_t device, uint8_t feature, uint8_t count)
{
	out(h, DEVICE, device);
	out(h, FEATURES, feature);
	out(h, COUNT, count);
	out(h, COMMAND, 0xef);
}

/* Takes the interrupt that must be there; the status that came with it. */
static inline uint8_t take_irq(struct ide_host *h)
{
	uint8_t status;

	fake_run();
	assert_true(line(h));
	status = in(h, COMMAND);
	assert_false(line(h));
	return status;
}

/* The command ended well, with an interrupt. */
static inline void assert_done(struct ide_host *h)
{
	assert_int_equal(take_irq(h) & (BSY | DRDY | DF | DRQ | ERR), DRDY);
}

static inline void assert_failed(struct ide_host *h, uint8_t error)
{
	assert_int_equal(take_irq(h) & (BSY | DRDY | DRQ | ERR), DRDY | ERR);
	assert_int_equal(in(h, FEATURES), error);
}

/* A string instruction at the data port. */
static inline void read_data(struct ide_host *h, void *data, unsigned bytes, unsigned width)
{
	pthread_mutex_lock(&h->dev->lock);
	assert_true(
		h->dev->ops->read_string(h->dev, command_window(h), 0, width, data, bytes / width));
	pthread_mutex_unlock(&h->dev->lock);
}

static inline void write_data(struct ide_host *h, const void *data, unsigned bytes, unsigned width)
{
	pthread_mutex_lock(&h->dev->lock);
	assert_true(h->dev->ops->write_string(h->dev, command_window(h), 0, width, data,
					      bytes / width));
	pthread_mutex_unlock(&h->dev->lock);
}

/* Every sector of an image says which one it is. */
static inline void fill(struct block *block, uint64_t lba, unsigned count)
{
	for (uint64_t i = lba; i < lba + count; i++)
		for (unsigned at = 0; at < 512; at += 8)
			memcpy(block->data + i * 512 + at, &(uint64_t){i << 8 | at / 8}, 8);
}

/* A page of the guest's list: address, bytes (0: 64 KiB), whether it is the last one. */
static inline void put_prd(struct ide_host *h, uint32_t table, unsigned index, uint32_t gpa,
			   uint32_t bytes, bool last)
{
	uint32_t entry[2] = {gpa, (bytes & 0xffff) | (last ? 1u << 31 : 0)};

	assert_int_equal(gmem_write(&h->mem, table + index * 8, entry, 8), 0);
}

#endif
