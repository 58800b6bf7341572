/* SPDX-License-Identifier: MIT
 *
 * /dev/hyper (guest/labs/hyper.h).
 */
#ifndef GUEST_HYPER_DEVICE_H
#define GUEST_HYPER_DEVICE_H

/* Makes the node; once there is a /dev. */
void hyper_device_register(void);

#endif
