/* SPDX-License-Identifier: MIT
 *
 * The top of the tree, and what isn't a disk.
 */
#include "guest/arch/cpu.h"
#include "guest/board/machine.h"
#include "guest/drivers/net.h"
#include "guest/fs/sysfs/node.h"
#include "guest/lib/errno.h"
#include "guest/lib/print.h"
#include "guest/time/cmos.h"

/* --- network interfaces */
static void *net_at(unsigned index, char *name, size_t size)
{
	struct net_device *nic = net_first();

	while (nic && index--)
		nic = nic->next;
	if (nic)
		print_to(name, size, "%s", nic->name);
	return nic;
}

static int show_address(void *thing, struct text *text)
{
	const uint8_t *mac = ((struct net_device *)thing)->mac;

	text_print(text, "%02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3], mac[4],
		   mac[5]);
	return text->error;
}

static int show_mtu(void *thing, struct text *text)
{
	text_print(text, "%u\n", ((struct net_device *)thing)->mtu);
	return text->error;
}

static int show_net_driver(void *thing, struct text *text)
{
	const struct net_device *nic = thing;
	char detail[192];

	nic->describe(nic, detail, sizeof(detail));
	text_print(text, "%s: %s\n", nic->driver, detail);
	return text->error;
}

static const struct sys_entry net_table[] = {
	{.name = "address", .show = show_address},
	{.name = "driver", .show = show_net_driver},
	{.name = "mtu", .show = show_mtu},
	{0},
};

/* --- CPUs */
static void *cpu_thing(unsigned index, char *name, size_t size)
{
	if (index >= machine.cpu_count)
		return NULL;
	print_to(name, size, "cpu%u", index);
	return cpu_at(index);
}

static int show_online(void *thing, struct text *text)
{
	text_print(text, "%u\n", ((struct cpu *)thing)->online);
	return text->error;
}

static const struct sys_entry cpu_table[] = {
	{.name = "online", .show = show_online},
	{0},
};

static void show_range(struct text *text, unsigned count)
{
	text_print(text, count > 1 ? "0-%u\n" : "%u\n", count - 1);
}

static int show_all_online(void *thing, struct text *text)
{
	unsigned count = 0;

	(void)thing;
	for (unsigned i = 0; i < machine.cpu_count; i++)
		count += cpu_at(i)->online;
	show_range(text, count);
	return text->error;
}

static int show_possible(void *thing, struct text *text)
{
	(void)thing;
	show_range(text, machine.cpu_count);
	return text->error;
}

static int show_huge_page(void *thing, struct text *text)
{
	(void)thing;
	text_print(text, "%u\n", 2u << 20);
	return text->error;
}

static const struct sys_entry huge_table[] = {
	{.name = "hpage_pmd_size", .show = show_huge_page},
	{0},
};
static const struct sys_entry mm_table[] = {
	{.name = "transparent_hugepage", .children = huge_table},
	{0},
};
static const struct sys_entry kernel_table[] = {
	{.name = "mm", .children = mm_table},
	{0},
};
static int show_rtc(void *thing, struct text *text)
{
	uint64_t seconds;

	(void)thing;
	if (!cmos_read(&seconds))
		return -EIO;
	text_print(text, "%lu\n", seconds);
	return text->error;
}

static const struct sys_entry rtc_table[] = {
	{.name = "since_epoch", .show = show_rtc},
	{0},
};
static const struct sys_entry all_rtcs_table[] = {
	{.name = "rtc0", .children = rtc_table},
	{0},
};
static const struct sys_entry class_table[] = {
	{.name = "block", .each = sys_disk_table, .thing = sys_disk},
	{.name = "net", .each = net_table, .thing = net_at},
	{.name = "rtc", .children = all_rtcs_table},
	{0},
};
static const struct sys_entry all_cpus_table[] = {
	{.name = "online", .show = show_all_online},
	{.name = "possible", .show = show_possible},
	{.name = "present", .show = show_possible},
	{0},
};
static const struct sys_entry system_table[] = {
	{.name = "cpu", .children = all_cpus_table, .each = cpu_table, .thing = cpu_thing},
	{0},
};
static const struct sys_entry devices_table[] = {
	{.name = "system", .children = system_table},
	{0},
};
static const struct sys_entry root_table[] = {
	{.name = "block", .each = sys_disk_table, .thing = sys_disk},
	{.name = "class", .children = class_table},
	{.name = "devices", .children = devices_table},
	{.name = "kernel", .children = kernel_table},
	{0},
};
const struct sys_entry sys_root = {.children = root_table};
