/* SPDX-License-Identifier: MIT
 *
 * The upper halves of vector registers on deprivileged hosts. Elsewhere OSXSAVE is off and programs see no
 * AVX; there CPUID in ring 3 is the bare processor's, so programs use it, while xsave in ring 0 can't be
 * emulated. So the kernel lets ring 3 do it: two instructions of the stub's page (trap_entry.S) save to or
 * load from a page that is open to user mode only for that moment.
 */
#ifndef GUEST_ARCH_XSTATE_H
#define GUEST_ARCH_XSTATE_H

#include <stdbool.h>

struct task;
struct trap_frame;

/* Saves or loads what fxsave doesn't know, if this host needs that. Interrupts off, in switch_to(). A task
 * without a saved state gets a clean one. */
void xstate_save(struct task *task);
void xstate_load(struct task *task);

/* Frees what an ended task had saved. */
void xstate_forget(struct task *task);

/* Whether this exception is the end of such an excursion; then it doesn't return. */
void xstate_end(const struct trap_frame *frame);

/* Whether one is under way on this CPU. */
bool xstate_is_under_way(void);

#endif
