/* SPDX-License-Identifier: MIT
 *
 * The tree of device nodes; registering is in vfs.h.
 */
#ifndef GUEST_FS_DEVICE_H
#define GUEST_FS_DEVICE_H

struct super;

/* Makes the tree; at boot, before anybody registers. */
void device_init(void);
/* What a mount of "devtmpfs" shows: always the same. */
struct super *device_super(void);

/* null, zero, full, random, urandom (memory_devices.c). */
void memory_devices_register(void);

#endif
