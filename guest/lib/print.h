/* SPDX-License-Identifier: MIT
 *
 * Formatted output. Conversions: %d %i %u %x %c %s %p %%, with l or ll or z, the flags 0, - and #,
 * and a width. One call is one write to the kernel log (lib/log.h) and to the console, so lines of
 * several CPUs don't mix.
 */
#ifndef GUEST_LIB_PRINT_H
#define GUEST_LIB_PRINT_H

#include <stdarg.h>
#include <stddef.h>

#include "guest/lib/log.h"

#define PRINT_MAX 512 /* longer output is cut */

void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_args(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* With a level; a line less urgent than print_console_level goes into the log only. print() is
 * LOG_NOTICE. A panic resets the level, so that all is seen. */
void print_level(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
extern enum log_level print_console_level;

/* Into buf, always NUL-terminated; returns the length, which is < size. */
size_t print_to(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
size_t print_args_to(char *buf, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

#endif
