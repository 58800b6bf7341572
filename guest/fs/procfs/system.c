/* SPDX-License-Identifier: MIT
 *
 * Files of /proc about the machine and the kernel; memory's are in memory.c, CPUs' in cpus.c.
 */
#include "guest/block/queue.h"
#include "guest/board/machine.h"
#include "guest/fs/kmsg.h"
#include "guest/fs/mounts.h"
#include "guest/fs/procfs/proc.h"
#include "guest/fs/procfs/tables.h"
#include "guest/lib/print.h"
#include "guest/proc/process.h"
#include "guest/proc/system_name.h"
#include "guest/syscall/syscall.h"

static int show_version(const struct proc_subject *subject, struct text *text)
{
	const struct system_name name = system_name_read();

	text_print(text, "%s version %s (vitrine) (" __VERSION__ ") %s\n", name.system,
		   name.release, name.version);
	(void)subject;
	return text->error;
}

static int show_cmdline(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "%s\n", machine.cmdline);
	return text->error;
}

static int show_filesystems(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	for (struct file_system *type = file_system_next(NULL); type; type = file_system_next(type))
		text_print(text, "%s\t%s\n", type->needs_device ? "" : "nodev", type->name);
	return text->error;
}

/* Number, count and name of each call that was made at least once. */
static int show_syscalls(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	for (unsigned i = 0; i < SYSCALL_COUNT; i++)
		if (syscall_counts[i])
			text_print(text, "%3u %10lu %s\n", i, syscall_counts[i],
				   syscall_name(i) ? syscall_name(i) : "(unknown)");
	text_print(text, "beyond the table: %lu\n", syscall_unknown_count);
	return text->error;
}

static int show_devices(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text,
		   "Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n 10 misc\n136 pts\n\n"
		   "Block devices:\n  3 ide0\n 22 ide1\n254 virtblk\n");
	return text->error;
}

static int show_partitions(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	text_print(text, "major minor  #blocks  name\n\n");
	for (struct block_queue *q = block_queue_first(); q; q = q->next)
		text_print(text, "%4u %7u %10lu %s\n", q->major, q->minor,
			   q->disk->sector_count / 2, q->disk->name);
	return text->error;
}

static int show_diskstats(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	for (struct block_queue *q = block_queue_first(); q; q = q->next) {
		text_print(text, "%4u %7u %s ", q->major, q->minor, q->disk->name);
		block_queue_show_statistics(q, text);
	}
	return text->error;
}

static int64_t link_self(const struct proc_subject *subject, char *to, size_t size)
{
	(void)subject;
	return print_to(to, size, "%d", process_this()->pid);
}

static int64_t link_thread_self(const struct proc_subject *subject, char *to, size_t size)
{
	(void)subject;
	return print_to(to, size, "%d/task/%d", process_this()->pid, task_this()->tid);
}

static int64_t link_mounts(const struct proc_subject *subject, char *to, size_t size)
{
	(void)subject;
	return print_to(to, size, "self/mounts");
}

static const struct proc_entry table[] = {
	{.name = "buddyinfo", .permissions = 0444, .show = proc_show_buddyinfo},
	{.name = "cmdline", .permissions = 0444, .show = show_cmdline},
	{.name = "cpuinfo", .permissions = 0444, .show = proc_show_cpuinfo},
	{.name = "devices", .permissions = 0444, .show = show_devices},
	{.name = "diskstats", .permissions = 0444, .show = show_diskstats},
	{.name = "filesystems", .permissions = 0444, .show = show_filesystems},
	{.name = "hyper", .permissions = 0555, .children = proc_hyper_table},
	{.name = "interrupts", .permissions = 0444, .show = proc_show_interrupts},
	{.name = "kmsg", .permissions = 0400, .operations = &kmsg_proc_operations},
	{.name = "loadavg", .permissions = 0444, .show = proc_show_loadavg},
	{.name = "meminfo", .permissions = 0444, .show = proc_show_meminfo},
	{.name = "mounts", .link = link_mounts},
	{.name = "partitions", .permissions = 0444, .show = show_partitions},
	{.name = "sched_trace",
	 .permissions = 0600,
	 .show = proc_show_sched_trace,
	 .store = proc_store_sched_trace},
	{.name = "self", .link = link_self},
	{.name = "slabinfo", .permissions = 0400, .show = proc_show_slabinfo},
	{.name = "stat", .permissions = 0444, .show = proc_show_cpu_stat},
	{.name = "swaps", .permissions = 0444, .show = proc_show_swaps},
	{.name = "net", .permissions = 0555, .children = proc_net_table},
	{.name = "sys", .permissions = 0555, .children = proc_sys_table},
	{.name = "syscalls", .permissions = 0444, .show = show_syscalls},
	{.name = "thread-self", .link = link_thread_self},
	{.name = "uptime", .permissions = 0444, .show = proc_show_uptime},
	{.name = "version", .permissions = 0444, .show = show_version},
	{.name = "virtqueues", .permissions = 0400, .show = proc_show_virtqueues},
	{.name = "vmstat", .permissions = 0444, .show = proc_show_vmstat},
	{0},
};

static bool next_process(const struct proc_subject *subject, uint64_t *key, char *name, size_t size)
{
	const int32_t pid = *key > INT32_MAX ? -1 : proc_next_pid(*key);

	(void)subject;
	if (pid < 0)
		return false;
	*key = pid;
	print_to(name, size, "%d", pid);
	return true;
}

static const struct proc_entry *find_process(const struct proc_subject *subject, const char *name,
					     size_t length, uint64_t *key)
{
	(void)subject;
	*key = proc_number(name, length);
	return (int64_t)*key > 0 ? &proc_process_entry : NULL;
}

const struct proc_entry proc_root_entry = {
	.permissions = 0555,
	.children = table,
	.next = next_process,
	.find = find_process,
};
