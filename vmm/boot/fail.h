/* SPDX-License-Identifier: MIT
 *
 * How loaders report: one line for the user, -errno for the caller.
 */
#ifndef VITRINE_BOOT_FAIL_H
#define VITRINE_BOOT_FAIL_H

#include "boot/boot.h"

/* Fills in error with "path: text" (path NULL: the text alone) and returns err, a negative errno.
 * A long path loses its head, so that the text always fits. */
int boot_fail(struct boot_error *error, int err, const char *path, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
