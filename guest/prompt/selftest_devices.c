/* SPDX-License-Identifier: MIT
 *
 * What is checked of each disk and each interface.
 */
#include "guest/prompt/selftest_devices.h"

#include <stddef.h>
#include <stdint.h>

#include "guest/board/machine.h"
#include "guest/drivers/attach.h"
#include "guest/drivers/block.h"
#include "guest/drivers/net.h"
#include "guest/lib/number.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/lib/words.h"
#include "guest/mm/dma.h"
#include "guest/prompt/disk_work.h"
#include "guest/prompt/net_commands.h"
#include "guest/virtio/device.h"
#include "guest/virtio/options.h"

#define NAME_MAX 16
#define SEED_FIRST 1
#define SEED_SECOND 2

typedef void check_function(bool condition, const char *what);

/* Whether the option key asks for something of this name or driver, or isn't there. */
static bool is_meant(const char *key, const char *name, const char *driver)
{
	char value[NAME_MAX];

	return !machine_option(key, value, sizeof(value)) || !strcmp(value, name) ||
	       !strcmp(value, driver);
}

/* Of all virtio devices with this ID. */
static void check_virtio(check_function *check, uint32_t id)
{
	const struct virtio_options *options = virtio_options();

	for (unsigned i = 0; i < virtio_device_count; i++) {
		const struct virtio_device *device = &virtio_device[i];

		if (device->id != id)
			continue;
		if (options->given)
			check((device->negotiated & options->features) == options->features,
			      "what virtio= asks for was negotiated");
		if (!options->poll)
			check(device->interrupts > 0, "interrupts arrived");
	}
}

static void test_pattern(check_function *check, struct block_device *disk, struct disk_range range)
{
	uint32_t crc;

	check(disk_write_pattern(disk, range, SEED_FIRST), "a pattern is written and flushed");
	check(disk_check_pattern(disk, range, SEED_FIRST), "and read back");
	check(disk_write_pattern(disk, range, SEED_SECOND), "another one too");
	if (disk->restart)
		check(disk->restart(disk), "its queue is reset");
	check(disk_check_pattern(disk, range, SEED_SECOND), "and read back");
	check(disk_sum(disk, range, &crc), "and read one request at a time");
	print("         sectors %lu + %lu now have crc32 %08x\n", range.start, range.count, crc);
}

/* The word "range=START,COUNT", or the whole disk. */
static bool read_range(const struct block_device *disk, struct disk_range *range)
{
	char text[48];
	const char *at = text;

	*range = (struct disk_range){0, disk->sector_count};
	if (!machine_option("range", text, sizeof(text)))
		return true;
	return words_number(&at, 0, &range->start) && words_number(&at, 0, &range->count) &&
	       range->count && range->start <= disk->sector_count &&
	       range->count <= disk->sector_count - range->start;
}

static void test_disk(check_function *check, struct block_device *disk)
{
	struct disk_range range;
	static struct dma data;

	print("         %s (%s), %lu sectors%s\n", disk->name, disk->driver, disk->sector_count,
	      disk->read_only ? ", read-only" : "");
	if (!data.at && !dma_alloc(&data, SECTOR_BYTES)) {
		check(false, "there is memory for a sector");
		return;
	}
	check(disk->sector_count > 0 && block_read(disk, 0, 1, &data), "its first sector is read");
	check(block_read(disk, disk->sector_count - 1, 1, &data), "its last sector is read");
	check(!block_read(disk, disk->sector_count, 1, &data), "none behind its end");
	check(block_read(disk, 0, 1, &data), "the first one still");
	if (disk->read_only)
		check(!block_write(disk, 0, 1, &data), "it can't be written");
	else if (!machine_has_word("scratch"))
		print("  skip   nothing is written without the word \"scratch\"\n");
	else if (!read_range(disk, &range))
		check(false, "range= is inside the disk");
	else
		test_pattern(check, disk, range);
}

void selftest_disk(check_function *check)
{
	unsigned count = 0;
	char detail[192];

	drivers_attach();
	for (struct block_device *disk = block_first(); disk; disk = disk->next)
		if (is_meant("disk", disk->name, disk->driver)) {
			test_disk(check, disk);
			disk->describe(disk, detail, sizeof(detail));
			print("         %s\n", detail);
			count++;
		}
	check(count > 0, "there is a disk to test");
	check_virtio(check, VIRTIO_ID_BLOCK);
}

static uint32_t address_option(check_function *check, const char *key, uint32_t otherwise)
{
	char text[NAME_MAX];
	const char *at = text;
	uint32_t address;

	if (!machine_option(key, text, sizeof(text)))
		return otherwise;
	if (number_parse_ipv4(&at, &address) && !*at)
		return address;
	check(false, "gateway= and address= are IPv4 addresses");
	return otherwise;
}

void selftest_net(check_function *check)
{
	const uint32_t gateway = address_option(check, "gateway", NET_GATEWAY_DEFAULT);
	const uint32_t address = address_option(check, "address", NET_ADDRESS_DEFAULT);
	unsigned count = 0;
	char detail[192];

	drivers_attach();
	for (struct net_device *nic = net_first(); nic; nic = nic->next)
		if (is_meant("nic", nic->name, nic->driver)) {
			print("         %s (%s)\n", nic->name, nic->driver);
			check(net_test(nic, gateway, address), "ARP and echoes of all sizes");
			nic->describe(nic, detail, sizeof(detail));
			print("         %s\n", detail);
			count++;
		}
	check(count > 0, "there is an interface to test");
	check_virtio(check, VIRTIO_ID_NET);
}
