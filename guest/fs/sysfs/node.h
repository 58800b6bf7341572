/* SPDX-License-Identifier: MIT
 *
 * sysfs inside: tables of names. A directory lists a table, and things of a kind (disks, CPUs …), each of
 * which is a directory with the kind's table. Which thing a file is about goes down the tree.
 */
#ifndef GUEST_FS_SYSFS_NODE_H
#define GUEST_FS_SYSFS_NODE_H

#include <stdint.h>

#include "guest/fs/text.h"

struct sys_entry {
	const char *name;
	const struct sys_entry *children; /* a directory; ends with an entry without name */
	const struct sys_entry *each;	  /* a directory of things; the table of one of them */
	int (*show)(void *thing, struct text *text);
	int (*store)(void *thing, const char *word);
	/* The index-th thing and its name, or NULL; with each. */
	void *(*thing)(unsigned index, char *name, size_t size);
};

extern const struct sys_entry sys_root;
extern const struct sys_entry sys_disk_table[]; /* of one struct block_queue */

void *sys_disk(unsigned index, char *name, size_t size);

#endif
