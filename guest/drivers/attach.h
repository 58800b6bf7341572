/* SPDX-License-Identifier: MIT
 *
 * Finding all disks and network interfaces. Nothing of it runs before it is asked for.
 */
#ifndef GUEST_DRIVERS_ATTACH_H
#define GUEST_DRIVERS_ATTACH_H

/* Finds and starts them, the first time it is called. */
void drivers_attach(void);

#endif
