/* SPDX-License-Identifier: MIT
 *
 * sysfs: a small tree of what the machine has: disks, network interfaces, terminals, CPUs.
 */
#ifndef GUEST_FS_SYSFS_SYSFS_H
#define GUEST_FS_SYSFS_SYSFS_H

/* Registers the file system "sysfs". */
void sysfs_init(void);

#endif
