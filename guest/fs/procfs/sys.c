/* SPDX-License-Identifier: MIT
 *
 * /proc/sys: what can be seen, and the little that can be set.
 */
#include "guest/fs/procfs/proc.h"
#include "guest/fs/procfs/tables.h"
#include "guest/fs/random.h"
#include "guest/lib/number.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/reclaim.h"
#include "guest/proc/process.h"
#include "guest/proc/system_name.h"

#define UUID_BYTES 16

static int show_hostname(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "%s\n", system_name_read().node);
	return text->error;
}

static int store_hostname(const struct proc_subject *subject, const char *word)
{
	(void)subject;
	return system_name_set_node(word);
}

static int show_domain(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "%s\n", system_name_read().domain);
	return text->error;
}

static int show_ostype(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "%s\n", system_name_read().system);
	return text->error;
}

static int show_osrelease(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "%s\n", system_name_read().release);
	return text->error;
}

static int show_version(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "%s\n", system_name_read().version);
	return text->error;
}

static int show_pid_max(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "%d\n", TID_MAX + 1);
	return text->error;
}

static int show_threads_max(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "%lu\n", process_threads_max);
	return text->error;
}

/* RFC 9562 version 4. */
static void print_uuid(struct text *text, const uint8_t bytes[UUID_BYTES])
{
	for (unsigned i = 0; i < UUID_BYTES; i++) {
		const uint8_t b = i == 6   ? (bytes[i] & 0x0f) | 0x40
				  : i == 8 ? (bytes[i] & 0x3f) | 0x80
					   : bytes[i];

		text_print(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b);
	}
	text_print(text, "\n");
}

static int show_uuid(const struct proc_subject *subject, struct text *text)
{
	uint8_t bytes[UUID_BYTES];

	(void)subject;
	random_bytes(bytes, sizeof(bytes));
	print_uuid(text, bytes);
	return text->error;
}

static int show_boot_id(const struct proc_subject *subject, struct text *text)
{
	static uint8_t bytes[UUID_BYTES];
	static struct mutex lock = MUTEX_FREE(lock);
	static bool made;

	(void)subject;
	mutex_lock(&lock);
	if (!made)
		random_bytes(bytes, sizeof(bytes));
	made = true;
	mutex_unlock(&lock);
	print_uuid(text, bytes);
	return text->error;
}

/* Of the pool's 256 bits: the generator never runs dry. */
static int show_entropy(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "256\n");
	return text->error;
}

/* Memory is promised without a limit, and whoever takes too much is killed: Linux's mode 1. */
static int show_overcommit(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "1\n");
	return text->error;
}

/* Linux's bit 0. Its bit 1, dentries and inodes, would save little here. */
static int store_drop_caches(const struct proc_subject *subject, const char *word)
{
	(void)subject;
	if (word[0] < '1' || word[0] > '3' || word[1])
		return -EINVAL;
	if (word[0] != '2')
		reclaim_drop_clean();
	return 0;
}

static int show_drop_caches(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "0\n");
	return text->error;
}

static int show_dirty_expire(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "%lu\n", write_back_after_ns / PROC_TICK_NS);
	return text->error;
}

static int store_dirty_expire(const struct proc_subject *subject, const char *word)
{
	uint64_t ticks;

	(void)subject;
	if (!number_parse(&word, &ticks) || *word || !ticks || ticks > UINT32_MAX)
		return -EINVAL;
	write_back_after_ns = ticks * PROC_TICK_NS;
	return 0;
}

static const struct proc_entry random_table[] = {
	{.name = "boot_id", .permissions = 0444, .show = show_boot_id},
	{.name = "entropy_avail", .permissions = 0444, .show = show_entropy},
	{.name = "poolsize", .permissions = 0444, .show = show_entropy},
	{.name = "uuid", .permissions = 0444, .show = show_uuid},
	{0},
};

static const struct proc_entry kernel_table[] = {
	{.name = "domainname", .permissions = 0444, .show = show_domain},
	{.name = "hostname", .permissions = 0644, .show = show_hostname, .store = store_hostname},
	{.name = "osrelease", .permissions = 0444, .show = show_osrelease},
	{.name = "ostype", .permissions = 0444, .show = show_ostype},
	{.name = "pid_max", .permissions = 0444, .show = show_pid_max},
	{.name = "random", .permissions = 0555, .children = random_table},
	{.name = "threads-max", .permissions = 0444, .show = show_threads_max},
	{.name = "version", .permissions = 0444, .show = show_version},
	{0},
};

static const struct proc_entry vm_table[] = {
	{.name = "dirty_expire_centisecs",
	 .permissions = 0644,
	 .show = show_dirty_expire,
	 .store = store_dirty_expire},
	{.name = "drop_caches",
	 .permissions = 0644,
	 .show = show_drop_caches,
	 .store = store_drop_caches},
	{.name = "overcommit_memory", .permissions = 0444, .show = show_overcommit},
	{0},
};

const struct proc_entry proc_sys_table[] = {
	{.name = "kernel", .permissions = 0555, .children = kernel_table},
	{.name = "vm", .permissions = 0555, .children = vm_table},
	{0},
};
