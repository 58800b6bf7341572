/* SPDX-License-Identifier: MIT
 *
 * IDE: registers, resets, what drives say they are, every command of a disk by PIO, and what a hostile guest may
 * write when. DMA and packets have tests of their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dev_fake.h"
#include "ide_fake.h"

#include "ide_host.h"

static uint8_t data[131072], expected[131072];

/* --- identity ---------------------------------------------------------------------------------- */

static void test_function(void **state)
{
	struct ide_host *h = *state;
	struct pci_function *fn = (struct pci_function *)h->dev;

	assert_int_equal(pci_config_read(fn, 0, 4), 0x70108086);
	assert_int_equal(pci_config_read(fn, 8, 4) >> 8, 0x010180);
	assert_int_equal(pci_config_read(fn, PCI_INTERRUPT_PIN, 1), 0);
	/* both channels are decoded, as ata_piix wants to see it */
	assert_true(pci_config_read(fn, 0x41, 1) & 0x80);
	assert_true(pci_config_read(fn, 0x43, 1) & 0x80);
	pci_config_write(fn, PCI_BAR0 + 16, 4, UINT32_MAX);
	assert_int_equal(pci_config_read(fn, PCI_BAR0 + 16, 4), 0xfffffff1);
	pci_config_write(fn, 0x40, 2, 0xa307);
	assert_int_equal(pci_config_read(fn, 0x40, 2), 0xa307);
}

static uint16_t word(const uint8_t *bytes, unsigned n)
{
	return (uint16_t)(bytes[n * 2] | bytes[n * 2 + 1] << 8);
}

static uint64_t words(const uint8_t *bytes, unsigned n, unsigned count)
{
	uint64_t value = 0;

	while (count-- > 0)
		value = value << 16 | word(bytes, n + count);
	return value;
}

static void identify(struct ide_host *h, uint8_t device, uint8_t command)
{
	uint8_t sum = 0;

	out(h, DEVICE, device);
	out(h, COMMAND, command);
	assert_int_equal(take_irq(h) & (BSY | DRQ | ERR), DRQ);
	read_data(h, data, 512, 2);
	assert_int_equal(alt_status(h) & (BSY | DRDY | DRQ | ERR), DRDY);
	assert_false(line(h));
	for (unsigned i = 0; i < 512; i++)
		sum += data[i];
	assert_int_equal(sum, 0);
}

static void test_identify_disk(void **state)
{
	struct ide_host *h = *state;

	identify(h, 0, 0xec);
	assert_int_equal(word(data, 0), 0x0040);
	assert_memory_equal(data + 20, "-S 1                ", 20);
	assert_memory_equal(data + 54, "IVRTNI EIDKS", 12);
	assert_int_equal(word(data, 47), 0x8010);
	assert_int_equal(word(data, 59), 0x0110);
	assert_int_equal(words(data, 60, 2), 0x0fffffff);
	assert_int_equal(words(data, 100, 4), DISK_BYTES / 512);
	assert_int_equal(word(data, 49) & 0x0300, 0x0300);
	assert_int_equal(word(data, 63), 0x0007);
	assert_int_equal(word(data, 88), 0x003f);
	assert_int_equal(word(data, 83) & 0xf400, 0x7400);
	assert_int_equal(word(data, 85) & 0x0020, 0x0020);
	assert_int_equal(word(data, 106), 0x6003); /* 4096-byte physical sectors */
	assert_int_equal(word(data, 217), 1);
	assert_int_equal(word(data, 169), 0); /* no TRIM */
}

/* The slave is an ide-pio one: nothing of its identity speaks of DMA. */
static void test_identify_pio_disk(void **state)
{
	struct ide_host *h = *state;

	identify(h, 0x10, 0xec);
	assert_int_equal(word(data, 49) & 0x0300, 0x0200);
	assert_int_equal(word(data, 63), 0);
	assert_int_equal(word(data, 65), 0);
	assert_int_equal(word(data, 88), 0);
	assert_int_equal(word(data, 64), 3);
	assert_int_equal(words(data, 60, 2), 1000);
	assert_int_equal(words(data, 100, 4), 1000);
	assert_int_equal(word(data, 1), 0); /* less than a cylinder */
	assert_memory_equal(data + 20, "IVRTNI0E0010", 12);
	assert_int_equal(word(data, 93) & 0x2f00, 0x2b00);
}

static void test_identify_cdrom(void **state)
{
	struct ide_host *h = *state;

	h->channel = 1;
	identify(h, 0, 0xa1);
	assert_int_equal(word(data, 0), 0x85c0);
	assert_int_equal(word(data, 49) & 0x0300, 0x0300);
	assert_memory_equal(data + 54, "IVRTNI EDCR-MO", 14);
	/* a disk's identify is refused, and the signature says why */
	out(h, COMMAND, 0xec);
	assert_failed(h, ABRT);
	assert_int_equal(in(h, LBA_MID), 0x14);
	assert_int_equal(in(h, LBA_HIGH), 0xeb);
	h->channel = 0;
	out(h, COMMAND, 0xa1);
	assert_failed(h, ABRT);
}

static void test_modes(void **state)
{
	static const struct {
		uint8_t mode;
		bool pio_disk, dma_disk;
	} table[] = {{0x00, true, true},   {0x01, true, true},	 {0x02, false, false},
		     {0x08, true, true},   {0x0c, true, true},	 {0x0d, false, false},
		     {0x20, false, true},  {0x22, false, true},	 {0x23, false, false},
		     {0x40, false, true},  {0x45, false, true},	 {0x46, false, false},
		     {0x10, false, false}, {0x80, false, false}, {0xff, false, false}};
	struct ide_host *h = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		features(h, 0x00, 0x03, table[i].mode);
		if (table[i].dma_disk)
			assert_done(h);
		else
			assert_failed(h, ABRT);
		features(h, 0x10, 0x03, table[i].mode);
		if (table[i].pio_disk)
			assert_done(h);
		else
			assert_failed(h, ABRT);
	}
	identify(h, 0, 0xec);
	assert_int_equal(word(data, 63), 0x0007);
	assert_int_equal(word(data, 88), 0x203f); /* the last one it took */
	features(h, 0, 0x77, 0);
	assert_failed(h, ABRT);
}

/* --- registers and resets ------------------------------------------------------------------------ */

static void test_power_on(void **state)
{
	struct ide_host *h = *state;

	for (h->channel = 0; h->channel < 2; h->channel++) {
		assert_int_equal(in(h, FEATURES), 0x01);
		assert_int_equal(in(h, COUNT), 0x01);
		assert_int_equal(in(h, LBA_LOW), 0x01);
		assert_int_equal(in(h, LBA_MID), h->channel ? 0x14 : 0);
		assert_int_equal(in(h, LBA_HIGH), h->channel ? 0xeb : 0);
		assert_int_equal(in(h, COMMAND), h->channel ? 0x00 : 0x50);
		assert_int_equal(alt_status(h), h->channel ? 0x00 : 0x50);
	}
	assert_int_equal(h->line[0].calls + h->line[1].calls, 0);
}

/* Two bytes deep; HOB shows the older one until anything is written. */
static void test_depth(void **state)
{
	struct ide_host *h = *state;

	out(h, COUNT, 0x12);
	out(h, COUNT, 0x34);
	assert_int_equal(in(h, COUNT), 0x34);
	control(h, 0x80);
	assert_int_equal(in(h, COUNT), 0x12);
	out(h, LBA_LOW, 5);
	assert_int_equal(in(h, COUNT), 0x34);
	/* both drives have them */
	out(h, DEVICE, 0x10);
	assert_int_equal(in(h, COUNT), 0x34);
	assert_int_equal(in(h, DEVICE), 0xb0);
	/* wide accesses are bytes, lowest first */
	dev_write_wide(h->dev, command_window(h), COUNT, 2, 0xbbaa);
	assert_int_equal(in(h, COUNT), 0xaa);
	assert_int_equal(in(h, LBA_LOW), 0xbb);
	assert_int_equal(dev_read_wide(h->dev, command_window(h), COUNT, 2), 0xbbaa);
}

static void test_soft_reset(void **state)
{
	struct ide_host *h = *state;

	command28(h, 0x20, MASTER_LBA, 0, 1);
	fake_run();
	assert_true(line(h));
	control(h, 0x04);
	assert_false(line(h));
	assert_int_equal(alt_status(h), BSY);
	out(h, COUNT, 0x77); /* nobody listens */
	out(h, COMMAND, 0xec);
	control(h, 0x00);
	assert_int_equal(in(h, COMMAND), 0x50);
	assert_int_equal(in(h, COUNT), 0x01);
	assert_int_equal(in(h, FEATURES), 0x01);
	fake_run();
	assert_false(line(h));
	dev_read_wide(h->dev, command_window(h), DATA, 2);
	assert_int_equal(in(h, COMMAND), 0x50);
}

static void test_diagnostic(void **state)
{
	struct ide_host *h = *state;

	out(h, DEVICE, 0x10);
	out(h, COMMAND, 0x90);
	assert_done(h);
	assert_int_equal(in(h, DEVICE), 0xa0);
	assert_int_equal(in(h, FEATURES), 0x01);
	assert_int_equal(in(h, LBA_LOW), 0x01);
}

/* Nobody at the other end of a cable, and a slave that isn't there. */
static void test_absent(void **state)
{
	struct ide_host *h = *state;
	struct ide_options options = {0};
	struct device_setup setup = {.mem = &h->mem, .options = &options};
	struct device *dev;

	options.drive[0].block = h->small;
	assert_int_equal(device_create(&ide_ops, "one", &setup, &dev), 0);
	struct ide_host one = {.dev = dev};
	assert_int_equal(in(&one, COMMAND), 0x50);
	out(&one, DEVICE, 0x10);
	assert_int_equal(in(&one, COMMAND), 0);
	assert_int_equal(alt_status(&one), 0);
	out(&one, COMMAND, 0xec);
	assert_int_equal(alt_status(&one), 0);
	assert_int_equal(dev_read_wide(dev, command_window(&one), DATA, 2), 0xffff);
	one.channel = 1;
	for (unsigned reg = 0; reg < 8; reg++) {
		out(&one, reg, 0x55);
		assert_int_equal(in(&one, reg), 0xff);
	}
	control(&one, 4);
	control(&one, 0);
	assert_int_equal(alt_status(&one), 0xff);
	assert_false(pci_config_read((struct pci_function *)dev, 0x43, 1) & 0x80);
	device_destroy(dev);
}

static void test_nien(void **state)
{
	struct ide_host *h = *state;

	control(h, 0x02);
	command28(h, 0x40, MASTER_LBA, 0, 1);
	fake_run();
	assert_false(line(h));
	control(h, 0x00); /* it was only held back */
	assert_true(line(h));
	out(h, DEVICE, 0x10); /* the line is the selected drive's */
	assert_false(line(h));
	out(h, DEVICE, 0x00);
	assert_true(line(h));
	assert_int_equal(alt_status(h), 0x50);
	assert_true(line(h));
	in(h, COMMAND);
	assert_false(line(h));
}

/* --- transfers --------------------------------------------------------------------------------- */

/* READ and WRITE in all their forms, of these sectors, in blocks of so many. */
static const struct transfer {
	uint8_t read, write;
	bool ext;
	uint64_t lba;
	unsigned count; /* as in the register: 0 is the most */
	unsigned sectors;
	unsigned block;
} transfers[] = {
	{0x20, 0x30, false, 0, 1, 1, 1},
	{0x21, 0x31, false, 7, 3, 3, 1},
	{0x20, 0x30, false, 0x0fffffff - 1, 2, 2, 1},
	{0x20, 0x30, false, 1000, 0, 256, 1},
	{0xc4, 0xc5, false, 12, 16, 16, 16},
	{0xc4, 0xc5, false, 12, 33, 33, 16},
	{0xc4, 0xc5, false, 0, 0, 256, 16},
	{0x24, 0x34, true, 0, 1, 1, 1},
	{0x24, 0x34, true, DISK_BYTES / 512 - 1, 1, 1, 1},
	{0x24, 0x34, true, 0x10000000, 5, 5, 1},
	{0x29, 0x39, true, 0x12345678, 17, 17, 16},
	{0x29, 0x39, true, DISK_BYTES / 512 - 256, 256, 256, 16},
};

static void issue(struct ide_host *h, const struct transfer *t, uint8_t code)
{
	if (t->ext)
		command48(h, code, MASTER_LBA, t->lba, t->count);
	else
		command28(h, code, MASTER_LBA, (uint32_t)t->lba, t->count);
}

static unsigned blocks(const struct transfer *t)
{
	return (t->sectors + t->block - 1) / t->block;
}

static unsigned block_bytes(const struct transfer *t, unsigned index)
{
	unsigned left = t->sectors - index * t->block;

	return (left < t->block ? left : t->block) * 512;
}

static void test_read(void **state)
{
	struct ide_host *h = *state;

	for (size_t n = 0; n < sizeof(transfers) / sizeof(*transfers); n++) {
		const struct transfer *t = &transfers[n];
		unsigned before = rises(h);
		uint8_t *at = data;

		fill(h->disk, t->lba, t->sectors);
		issue(h, t, t->read);
		assert_int_equal(alt_status(h), BSY);
		for (unsigned i = 0; i < blocks(t); i++, at += block_bytes(t, i - 1)) {
			assert_int_equal(take_irq(h) & (BSY | DRQ | ERR), DRQ);
			read_data(h, at, block_bytes(t, i), n % 2 ? 2 : 4);
		}
		fake_run();
		assert_int_equal(alt_status(h), 0x50);
		assert_int_equal(rises(h) - before, blocks(t)); /* none behind the last one */
		assert_memory_equal(data, h->disk->data + t->lba * 512, t->sectors * 512);
	}
}

static void test_write(void **state)
{
	struct ide_host *h = *state;

	for (size_t n = 0; n < sizeof(transfers) / sizeof(*transfers); n++) {
		const struct transfer *t = &transfers[n];
		unsigned before = rises(h);
		const uint8_t *at = data;

		for (unsigned i = 0; i < t->sectors * 512; i++)
			data[i] = (uint8_t)(i * 7 + n + i / 512);
		issue(h, t, t->write);
		assert_false(line(h)); /* the first block is asked for by DRQ alone */
		for (unsigned i = 0; i < blocks(t); i++, at += block_bytes(t, i - 1)) {
			assert_int_equal(alt_status(h) & (BSY | DRQ | ERR), DRQ);
			write_data(h, at, block_bytes(t, i), n % 2 ? 4 : 2);
			if (i + 1 < blocks(t))
				assert_int_equal(take_irq(h) & (BSY | DRQ), DRQ);
		}
		assert_int_equal(alt_status(h), BSY);
		assert_done(h);
		assert_int_equal(rises(h) - before, blocks(t));
		assert_memory_equal(data, h->disk->data + t->lba * 512, t->sectors * 512);
	}
	assert_int_equal(h->disk->flushes, 0);
}

/* Single accesses of each width, over the end of the block: nothing is lost, nothing is made up. */
static void test_single_accesses(void **state)
{
	struct ide_host *h = *state;

	fill(h->disk, 3, 1);
	command28(h, 0x20, MASTER_LBA, 3, 1);
	assert_int_equal(take_irq(h) & DRQ, DRQ);
	for (unsigned at = 0; at < 512; at += 4) {
		uint32_t value = (uint32_t)dev_read_wide(h->dev, command_window(h), DATA, 4);

		if (at == 8) /* the other way round: the write port is closed */
			dev_write_wide(h->dev, command_window(h), DATA, 2, 0xdead);
		memcpy(data + at, &value, 4);
	}
	assert_memory_equal(data, h->disk->data + 3 * 512, 512);
	assert_int_equal(dev_read_wide(h->dev, command_window(h), DATA, 4), 0xffffffff);
	command28(h, 0x30, MASTER_LBA, 4, 1);
	for (unsigned at = 0; at < 510; at += 2)
		dev_write_wide(h->dev, command_window(h), DATA, 2, 0x1100 + at);
	dev_write_wide(h->dev, command_window(h), DATA, 4, 0xaaaabbbb); /* two bytes too many */
	assert_done(h);
	assert_int_equal(h->disk->data[4 * 512 + 510], 0xbb);
	assert_int_equal(h->disk->data[5 * 512], 0);
	assert_int_equal(h->disk->data[4 * 512 + 2], 0x02);
}

static void test_chs(void **state)
{
	struct ide_host *h = *state;

	fill(h->disk, 0, 2000);
	command28(h, 0x20, 0, 0, 1); /* sector 0 */
	assert_failed(h, IDNF);
	out(h, DEVICE, 0x02); /* head 2 */
	out(h, COUNT, 1);
	out(h, LBA_LOW, 5);
	out(h, LBA_MID, 1);
	out(h, LBA_HIGH, 0);
	out(h, COMMAND, 0x20);
	take_irq(h);
	read_data(h, data, 512, 2);
	assert_memory_equal(data, h->disk->data + ((1 * 16 + 2) * 63 + 4) * 512, 512);
	out(h, DEVICE, 0x03); /* 4 heads of 10 sectors from now on */
	out(h, COUNT, 10);
	out(h, COMMAND, 0x91);
	assert_done(h);
	out(h, DEVICE, 0x04);
	out(h, COUNT, 1);
	out(h, COMMAND, 0x20);
	assert_failed(h, IDNF); /* there is no head 4 */
	out(h, DEVICE, 0x03);
	out(h, COMMAND, 0x20);
	take_irq(h);
	read_data(h, data, 512, 2);
	assert_memory_equal(data, h->disk->data + ((1 * 4 + 3) * 10 + 4) * 512, 512);
	out(h, COUNT, 0);
	out(h, COMMAND, 0x91);
	assert_failed(h, ABRT);
}

/* --- ends and edges ---------------------------------------------------------------------------- */

static void test_out_of_range(void **state)
{
	static const struct {
		uint8_t code;
		bool ext;
		uint64_t lba;
		unsigned count;
		bool good;
	} table[] = {
		{0x40, false, 999, 1, true},
		{0x40, false, 1000, 1, false},
		{0x40, false, 999, 2, false},
		{0x40, false, 744, 0, true},
		{0x40, false, 745, 0, false},
		{0x41, false, 0x0fffffff, 1, false},
		{0x42, true, 999, 1, true},
		{0x42, true, 1000, 1, false},
		{0x42, true, 0, 0, false},
		{0x42, true, 0xffffffffffff, 1, false},
		{0x42, true, 0xffffffffffff, 0, false},
		{0x42, true, 0, 1000, true},
		{0x42, true, 0, 1001, false},
		{0x20, false, 1000, 1, false},
		{0x24, true, 1ull << 32, 1, false},
		{0x30, false, 1000, 1, false},
		{0x34, true, 1000, 1, false},
		{0xc4, false, 990, 11, false},
		{0xc5, false, 990, 11, false},
		{0x29, true, 990, 11, false},
	};
	struct ide_host *h = *state;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (table[i].ext)
			command48(h, table[i].code, SLAVE_LBA, table[i].lba, table[i].count);
		else
			command28(h, table[i].code, SLAVE_LBA, (uint32_t)table[i].lba,
				  table[i].count);
		if (table[i].good)
			assert_done(h);
		else
			assert_failed(h, IDNF);
	}
	assert_int_equal(h->small->reads + h->small->writes, 0);
}

static void test_multiple(void **state)
{
	struct ide_host *h = *state;

	for (unsigned count = 0; count < 256; count++) {
		out(h, COUNT, count);
		out(h, COMMAND, 0xc6);
		if (count <= 16 && !(count & (count - 1)))
			assert_done(h);
		else
			assert_failed(h, ABRT);
	}
	out(h, COUNT, 0);
	out(h, COMMAND, 0xc6);
	assert_done(h);
	identify(h, 0, 0xec);
	assert_int_equal(word(data, 59), 0);
	command28(h, 0xc4, MASTER_LBA, 0, 1);
	assert_failed(h, ABRT);
	out(h, COUNT, 4);
	out(h, COMMAND, 0xc6);
	assert_done(h);
	command28(h, 0xc4, MASTER_LBA, 0, 6);
	take_irq(h);
	read_data(h, data, 2048, 2);
	assert_int_equal(take_irq(h) & DRQ, DRQ);
	read_data(h, data, 1024, 2);
	assert_int_equal(alt_status(h), 0x50);
}

static void test_errors_of_the_image(void **state)
{
	struct ide_host *h = *state;

	h->disk->error = -EIO;
	command28(h, 0x20, MASTER_LBA, 0x123456, 1);
	assert_failed(h, UNC);
	assert_int_equal(in(h, LBA_LOW), 0x56);
	assert_int_equal(in(h, LBA_MID), 0x34);
	assert_int_equal(in(h, LBA_HIGH), 0x12);
	h->disk->error = -ENOSPC;
	command28(h, 0x30, MASTER_LBA, 5, 1);
	write_data(h, data, 512, 2);
	assert_failed(h, ABRT);
	out(h, COMMAND, 0xe7);
	assert_failed(h, ABRT);
	h->disk->error = 0;
	command28(h, 0x20, MASTER_LBA, 5, 1);
	assert_int_equal(take_irq(h) & (DRQ | ERR), DRQ);
	read_data(h, data, 512, 2);
}

static void test_read_only(void **state)
{
	struct ide_host *h = *state;
	struct ide_options options = {0};
	struct device_setup setup = {
		.mem = &h->mem, .options = &options, .irq = {.set_level = host_set_level}};
	struct ide_host ro = {0};

	h->small->info.read_only = true;
	options.drive[0].block = h->small;
	irq_host = &ro;
	assert_int_equal(device_create(&ide_ops, "ro", &setup, &ro.dev), 0);
	command28(&ro, 0x30, MASTER_LBA, 0, 1);
	assert_failed(&ro, ABRT);
	command28(&ro, 0x20, MASTER_LBA, 0, 1);
	assert_int_equal(take_irq(&ro) & (DRQ | ERR), DRQ);
	device_destroy(ro.dev);
}

static void test_flush(void **state)
{
	struct ide_host *h = *state;

	out(h, COMMAND, 0xe7);
	assert_int_equal(alt_status(h), BSY);
	assert_done(h);
	out(h, COMMAND, 0xea);
	assert_done(h);
	assert_int_equal(h->disk->flushes, 2);
	features(h, MASTER_LBA, 0x82, 0); /* write cache off: every write is a flush, too */
	assert_done(h);
	identify(h, 0, 0xec);
	assert_int_equal(word(data, 85) & 0x20, 0);
	command28(h, 0x30, MASTER_LBA, 9, 1);
	write_data(h, expected, 512, 2);
	assert_done(h);
	assert_int_equal(h->disk->flushes, 3);
	features(h, MASTER_LBA, 0x02, 0);
	assert_done(h);
	command28(h, 0x30, MASTER_LBA, 9, 1);
	write_data(h, expected, 512, 2);
	assert_done(h);
	assert_int_equal(h->disk->flushes, 3);
}

static void test_without_data(void **state)
{
	static const uint8_t good[] = {0x10, 0x70, 0xe0, 0xe1, 0xe2, 0xe3, 0xe5, 0xe6};
	struct ide_host *h = *state;

	for (size_t i = 0; i < sizeof(good); i++) {
		out(h, COMMAND, good[i]);
		assert_done(h);
	}
	out(h, COMMAND, 0xe5);
	assert_done(h);
	assert_int_equal(in(h, COUNT), 0xff);
}

/* --- a hostile guest --------------------------------------------------------------------------- */

/* Every code, on each drive: it ends, waits for data, or was refused; a reset brings it back. */
static void test_every_command(void **state)
{
	struct ide_host *h = *state;

	for (unsigned drive = 0; drive < 4; drive++) {
		h->channel = drive / 2;
		for (unsigned code = 0; code < 256; code++) {
			out(h, DEVICE, drive % 2 ? SLAVE_LBA : MASTER_LBA);
			out(h, COUNT, 1);
			out(h, COMMAND, code);
			fake_run();
			uint8_t status = alt_status(h);
			assert_true(status & (DRDY | DRQ | BSY) || h->channel == 1);
			control(h, 4);
			control(h, 0);
			assert_false(line(h));
			assert_int_equal(alt_status(h) & (BSY | DRQ), 0);
		}
	}
	h->channel = 0;
	command28(h, 0x20, MASTER_LBA, 1, 1);
	assert_int_equal(take_irq(h) & (DRQ | ERR), DRQ);
}

/* Registers, commands, data and resets while the image takes its time. */
static void test_while_busy(void **state)
{
	struct ide_host *h = *state;

	h->disk->delayed = true;
	command28(h, 0x20, MASTER_LBA, 1, 2);
	fake_run();
	assert_int_equal(alt_status(h), BSY);
	out(h, COMMAND, 0xec);
	out(h, LBA_LOW, 77);
	out(h, DEVICE, 0x10);
	assert_int_equal(in(h, LBA_LOW), 1);
	assert_int_equal(dev_read_wide(h->dev, command_window(h), DATA, 4), 0xffffffff);
	dev_write_wide(h->dev, command_window(h), DATA, 4, 1);
	out(h, COMMAND, 0x08); /* DEVICE RESET is for packet devices */
	assert_int_equal(alt_status(h), BSY);
	assert_true(fake_complete(h->disk));
	assert_int_equal(take_irq(h) & (BSY | DRQ | ERR), DRQ);
	/* reset with a request in flight: it is waited for, and nobody gets its data */
	control(h, 4);
	control(h, 0);
	command28(h, 0x20, MASTER_LBA, 1, 2);
	fake_run();
	control(h, 4);
	assert_false(fake_complete(h->disk));
	control(h, 0);
	assert_int_equal(alt_status(h), 0x50);
	fake_run();
	assert_false(line(h));
	/* reset before the thread came to it */
	command28(h, 0x20, MASTER_LBA, 1, 2);
	control(h, 4);
	control(h, 0);
	fake_run();
	assert_false(fake_complete(h->disk));
	assert_int_equal(alt_status(h), 0x50);
}

/* The guest goes away in the middle: the fake would abort if a request were left. */
static void test_destroy_while_busy(void **state)
{
	struct ide_host *h = *state;

	h->disk->delayed = true;
	command28(h, 0x30, MASTER_LBA, 1, 1);
	write_data(h, data, 512, 2);
	fake_run();
	assert_non_null(h->disk->queue->waiting);
}

static void test_strings_elsewhere(void **state)
{
	struct ide_host *h = *state;

	assert_false(h->dev->ops->read_string(h->dev, command_window(h), COMMAND, 1, data, 4));
	assert_false(h->dev->ops->write_string(h->dev, command_window(h) + 1, 0, 1, data, 4));
	assert_false(h->dev->ops->write_string(h->dev, IDE_BAR_BUS_MASTER, 0, 1, data, 4));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, host_setup, host_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_function),
		TEST(test_identify_disk),
		TEST(test_identify_pio_disk),
		TEST(test_identify_cdrom),
		TEST(test_modes),
		TEST(test_power_on),
		TEST(test_depth),
		TEST(test_soft_reset),
		TEST(test_diagnostic),
		TEST(test_absent),
		TEST(test_nien),
		TEST(test_read),
		TEST(test_write),
		TEST(test_single_accesses),
		TEST(test_chs),
		TEST(test_out_of_range),
		TEST(test_multiple),
		TEST(test_errors_of_the_image),
		TEST(test_read_only),
		TEST(test_flush),
		TEST(test_without_data),
		TEST(test_every_command),
		TEST(test_while_busy),
		TEST(test_destroy_while_busy),
		TEST(test_strings_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
