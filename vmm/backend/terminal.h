/* SPDX-License-Identifier: MIT
 *
 * Raw mode of the controlling terminal, and the promise that it is always taken back: at exit, and when
 * a signal such as SIGSEGV ends the VMM.
 */
#ifndef VITRINE_BACKEND_TERMINAL_H
#define VITRINE_BACKEND_TERMINAL_H

/* Puts fd into raw mode. Call once; 0, or -errno (-ENOTTY: not a terminal, or we are not in its
 * foreground: then nothing was changed). */
int terminal_raw(int fd);

/* Takes raw mode back. Async-signal-safe; may be called at any time and more than once. */
void terminal_restore(void);

#endif
