/* SPDX-License-Identifier: MIT
 *
 * Settings of terminals by ioctl().
 */
#ifndef GUEST_TTY_TTY_IOCTL_H
#define GUEST_TTY_TTY_IOCTL_H

#include <stdint.h>

struct file;
struct tty;

int64_t tty_ioctl(struct file *file, unsigned command, uint64_t argument);

/* Those that a pty's master has too: settings, window, and what waits to be read. -ENOTTY: no such. */
int64_t tty_settings_ioctl(struct tty *tty, unsigned command, uint64_t argument);

#endif
