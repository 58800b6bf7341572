/* SPDX-License-Identifier: MIT
 *
 * The kernel's words go to standard error, and a panic ends the test.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "guest/drivers/console.h"
#include "guest/lib/panic.h"

void console_write(const char *text, size_t length)
{
	fwrite(text, 1, length, stderr);
}

void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("panic: ", stderr);
	vfprintf(stderr, format, args);
	fputs("\n", stderr);
	abort();
}
