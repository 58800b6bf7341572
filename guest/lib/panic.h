/* SPDX-License-Identifier: MIT
 *
 * The end, with as much as can be said about it.
 */
#ifndef GUEST_LIB_PANIC_H
#define GUEST_LIB_PANIC_H

struct trap_frame;

/* Prints the message and a backtrace, stops the other CPUs, tells the hypervisor. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, with the registers of frame and a backtrace from there. */
_Noreturn void panic_frame(const struct trap_frame *frame, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* On the double fault stack: says which stack overran. */
_Noreturn void panic_double_fault(const struct trap_frame *frame);

/* In the NMI handler: stops this CPU if another one has panicked. */
void panic_stop_if_asked(void);

#endif
