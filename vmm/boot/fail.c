/* SPDX-License-Identifier: MIT
 *
 * How loaders report: one line for the user, -errno for the caller.
 */
#include "boot/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PATH_SHOWN_MAX 96

int boot_fail(struct boot_error *error, int err, const char *path, const char *format, ...)
{
	size_t path_len = path ? strlen(path) : 0;
	const char *tail = path_len > PATH_SHOWN_MAX ? path + path_len - PATH_SHOWN_MAX : path;
	va_list args;
	int used = 0;

	if (path)
		used = snprintf(error->text, sizeof error->text,
				"%s%s: ", tail == path ? "" : "...", tail);
	va_start(args, format);
	vsnprintf(error->text + used, sizeof error->text - (size_t)used, format, args);
	va_end(args);
	return err;
}
