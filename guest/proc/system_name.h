/* SPDX-License-Identifier: MIT
 *
 * The system's names: uname(2) and /proc/sys/kernel.
 */
#ifndef GUEST_PROC_SYSTEM_NAME_H
#define GUEST_PROC_SYSTEM_NAME_H

#define SYSTEM_NAME_BYTES 65

struct system_name { /* struct utsname */
	char system[SYSTEM_NAME_BYTES], node[SYSTEM_NAME_BYTES], release[SYSTEM_NAME_BYTES],
		version[SYSTEM_NAME_BYTES], machine[SYSTEM_NAME_BYTES], domain[SYSTEM_NAME_BYTES];
};

/* All of them as they are now. */
struct system_name system_name_read(void);

/* 0, -EPERM or -EINVAL (too long). */
int system_name_set_node(const char *node);

#endif
