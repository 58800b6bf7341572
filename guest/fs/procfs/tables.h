/* SPDX-License-Identifier: MIT
 *
 * The files of /proc that the table in system.c names.
 */
#ifndef GUEST_FS_PROCFS_TABLES_H
#define GUEST_FS_PROCFS_TABLES_H

#include "guest/fs/procfs/proc.h"

int proc_show_buddyinfo(const struct proc_subject *subject, struct text *text);
int proc_show_cpu_stat(const struct proc_subject *subject, struct text *text);
int proc_show_cpuinfo(const struct proc_subject *subject, struct text *text);
int proc_show_interrupts(const struct proc_subject *subject, struct text *text);
int proc_show_loadavg(const struct proc_subject *subject, struct text *text);
int proc_show_meminfo(const struct proc_subject *subject, struct text *text);
int proc_show_sched_trace(const struct proc_subject *subject, struct text *text);
int proc_show_slabinfo(const struct proc_subject *subject, struct text *text);
int proc_show_swaps(const struct proc_subject *subject, struct text *text);
int proc_show_uptime(const struct proc_subject *subject, struct text *text);
int proc_show_virtqueues(const struct proc_subject *subject, struct text *text);
int proc_show_vmstat(const struct proc_subject *subject, struct text *text);

int proc_store_sched_trace(const struct proc_subject *subject, const char *word);

#endif
