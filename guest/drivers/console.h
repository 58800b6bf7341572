/* SPDX-License-Identifier: MIT
 *
 * The console: output through the hypercall page where there is one (one exit a line instead of one
 * a byte), else through the UART ("console=uart" on the command line: always); input from the UART.
 */
#ifndef GUEST_DRIVERS_CONSOLE_H
#define GUEST_DRIVERS_CONSOLE_H

#include <stddef.h>

/* Uses the UART; once the hypercall page is known, console_use_hypercalls() may change that. */
void console_init(void);
void console_use_hypercalls(void);
const char *console_name(void);

/* Text; newlines become CR LF. One call is never mixed with another. */
void console_write(const char *text, size_t length);

/* The same, byte by byte as they are: for a terminal, which has made of new lines what it wants. */
void console_write_raw(const char *bytes, size_t count);

/* Waits for a byte of input. Interrupts on. */
char console_read(void);

/* For a panic: the lock is ours, whoever had it. */
void console_take_over(void);

#endif
