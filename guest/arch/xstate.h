/* SPDX-License-Identifier: MIT
 *
 * The upper halves of vector registers on deprivileged hosts. Elsewhere OSXSAVE is off and programs see no
 * AVX; there CPUID in ring 3 is the bare processor's, so programs use it, while xsave in ring 0 can't be
 * emulated. So the kernel lets ring 3 do it: two instructions of the stub's page (trap_entry.S) save to or
 * load from a page that is open to user mode only for that moment. If a program's own state can't be loaded,
 * the processor says so with an exception in the stub.
 */
#ifndef GUEST_ARCH_XSTATE_H
#define GUEST_ARCH_XSTATE_H

#include <stdbool.h>
#include <stdint.h>

#define XSTATE_HEADER 512 /* offset: before that is what fxsave knows */
#define XSTATE_BYTES_MAX (PAGE_BYTES - XSTATE_HEADER)

struct task;
struct trap_frame;

/* Saves what is in the registers, and fxsave doesn't know, as task's, or loads what is saved, if this host
 * needs that. Interrupts off. A task without a saved state gets a clean one. */
void xstate_save(struct task *task);
void xstate_load(struct task *task);

/* Saves the running task's; gives it from the header of the xsave area on (Intel SDM vol. 1 §13.4), as far as
 * something is there, the task's as long as it lives. *bytes 0: this host, or a lack of memory, has none. */
const void *xstate_of_running(uint32_t *bytes);

/* Makes the running task's state what its program has at gva, in the same form, if this host needs that.
 * False: it can't be read, or the processor refuses it. */
bool xstate_read_user(uint64_t gva, uint32_t bytes);

/* Makes the running task's state a clean one. */
void xstate_reset(void);

/* Frees what an ended task had saved. */
void xstate_forget(struct task *task);

/* Whether this exception is the end of such an excursion; then it doesn't return. */
void xstate_end(const struct trap_frame *frame);

/* Whether one is under way on this CPU. */
bool xstate_is_under_way(void);

#endif
