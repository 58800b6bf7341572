/* SPDX-License-Identifier: MIT
 *
 * A line of a trace while it is put together.
 */
#ifndef VITRINE_OBSERVE_LINE_H
#define VITRINE_OBSERVE_LINE_H

#include <stddef.h>

/* Text that grows in a buffer of fixed size, the caller's; what does not fit is cut off. */
struct line {
	char *buf;
	size_t size, used;
};

__attribute__((format(printf, 2, 3))) void line_add(struct line *line, const char *format, ...);

#endif
