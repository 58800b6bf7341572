/* SPDX-License-Identifier: MIT
 *
 * procfs inside: tables of entries, and what an entry is about.
 */
#ifndef GUEST_FS_PROCFS_PROC_H
#define GUEST_FS_PROCFS_PROC_H

#include <stdint.h>

#include "guest/fs/text.h"
#include "guest/fs/vfs.h"

struct process;
struct space;
struct task;

/* Whom an entry of a process directory is about; both referenced, both NULL elsewhere. */
struct proc_subject {
	struct process *process;
	struct task *task; /* the thread; in /proc/PID the first one */
	int fd;		   /* below fd/ */
};

/* One name. Which of the members is set says what it is. */
struct proc_entry {
	const char *name;
	uint32_t permissions;
	bool looks_inside; /* only for whom the process hides nothing from, however it was opened */
	int (*show)(const struct proc_subject *subject, struct text *text);
	int (*store)(const struct proc_subject *subject, const char *word);
	const struct proc_entry *children; /* a directory; ends with an entry without name */
	/* A link: its text, and if it can be followed otherwise, where to (referenced). */
	int64_t (*link)(const struct proc_subject *subject, char *to, size_t size);
	int (*follow)(const struct proc_subject *subject, struct mount **mount,
		      struct dentry **dentry);
	/* A directory with names of its own: the next key >= *key and its name; false: there is none. */
	bool (*next)(const struct proc_subject *subject, uint64_t *key, char *name, size_t size);
	/* The key of a name, and the entry that stands for it. NULL: there is none. */
	const struct proc_entry *(*find)(const struct proc_subject *subject, const char *name,
					 size_t length, uint64_t *key);
	const struct file_operations *operations; /* a file with operations of its own */
};

/* What an inode of procfs has in private. */
struct proc_node {
	const struct proc_entry *entry;
	struct proc_subject subject;
};

/* The tables. */
extern const struct proc_entry proc_root_entry;	    /* /proc */
extern const struct proc_entry proc_system_table[]; /* files of /proc itself */
extern const struct proc_entry proc_process_entry;  /* /proc/PID */
extern const struct proc_entry proc_thread_entry;   /* /proc/PID/task/TID */
extern const struct proc_entry proc_sys_table[];    /* /proc/sys */
extern const struct proc_entry proc_hyper_table[];  /* /proc/hyper */
extern const struct proc_entry proc_net_table[];    /* /proc/net */
extern const struct proc_entry proc_fd_link, proc_fdinfo_file;

/* The number that a name is, without leading zeroes; -1: it is none. */
int64_t proc_number(const char *name, size_t length);

/* --- shared by tables */
/* The address space of a process, referenced; NULL: it has none. */
struct space *proc_space(const struct proc_subject *subject);
/* The smallest process ID >= pid; -1: there is none. */
int32_t proc_next_pid(int32_t pid);
#define PROC_TICK_NS 10000000ul /* times are in 1/100 s */

/* --- functions of the tables (process_*.c, mounts.c) */
bool proc_next_thread(const struct proc_subject *subject, uint64_t *key, char *name, size_t size);
const struct proc_entry *proc_find_thread(const struct proc_subject *subject, const char *name,
					  size_t length, uint64_t *key);
bool proc_next_fd(const struct proc_subject *subject, uint64_t *key, char *name, size_t size);
const struct proc_entry *proc_find_fd(const struct proc_subject *subject, const char *name,
				      size_t length, uint64_t *key);
const struct proc_entry *proc_find_fdinfo(const struct proc_subject *subject, const char *name,
					  size_t length, uint64_t *key);
int64_t proc_link_cwd(const struct proc_subject *subject, char *to, size_t size);
int64_t proc_link_exe(const struct proc_subject *subject, char *to, size_t size);
int64_t proc_link_root(const struct proc_subject *subject, char *to, size_t size);
int proc_follow_cwd(const struct proc_subject *subject, struct mount **mount,
		    struct dentry **dentry);
int proc_follow_exe(const struct proc_subject *subject, struct mount **mount,
		    struct dentry **dentry);
int proc_follow_root(const struct proc_subject *subject, struct mount **mount,
		     struct dentry **dentry);
int proc_show_maps(const struct proc_subject *subject, struct text *text);
int proc_show_smaps(const struct proc_subject *subject, struct text *text);
int proc_show_stat(const struct proc_subject *subject, struct text *text);
int proc_show_status(const struct proc_subject *subject, struct text *text);
int proc_show_statm(const struct proc_subject *subject, struct text *text);
extern const struct file_operations proc_walk_operations;
int proc_show_mounts(const struct proc_subject *subject, struct text *text);
int proc_show_mountinfo(const struct proc_subject *subject, struct text *text);

/* Registers the file system "proc". */
void procfs_init(void);

#endif
