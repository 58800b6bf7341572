/* SPDX-License-Identifier: MIT
 *
 * How large the terminal on standard input is, and when that changes (SIGWINCH).
 */
#ifndef VITRINE_BACKEND_TERMINAL_SIZE_H
#define VITRINE_BACKEND_TERMINAL_SIZE_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct terminal_size;

/* False: standard input is no terminal, or it does not know. Any thread. */
bool terminal_size(uint16_t *columns, uint16_t *rows);

/* Calls changed(ctx) in the loop's thread after each change. Blocks SIGWINCH in the calling thread and in those
 * it starts afterwards. 0 or -errno. */
int terminal_size_watch(struct loop *loop, void (*changed)(void *ctx), void *ctx,
			struct terminal_size **out);
void terminal_size_unwatch(struct terminal_size *watch); /* NULL is fine */

#endif
