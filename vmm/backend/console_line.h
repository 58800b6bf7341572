/* SPDX-License-Identifier: MIT
 *
 * Where a console's bytes come from and go to; made by console_line.c, used by console.c alone.
 */
#ifndef VITRINE_BACKEND_CONSOLE_LINE_H
#define VITRINE_BACKEND_CONSOLE_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define CONSOLE_NO_FD (-1)

struct console_line {
	int in_fd;	       /* CONSOLE_NO_FD: no input */
	int out_fd;	       /* CONSOLE_NO_FD: output vanishes */
	int listen_fd;	       /* unix: waits for a client, who becomes in_fd and out_fd */
	bool is_terminal;      /* in_fd was put into raw mode and Ctrl-A means something */
	char socket_path[108]; /* to be removed in the end; empty: none */
};

/* 0 or -errno with one line in err, which begins with option ("--serial") and spec. */
int console_line_open(const char *option, const char *spec, struct console_line *line, char *err,
		      size_t err_size);
void console_line_close(struct console_line *line);

#endif
