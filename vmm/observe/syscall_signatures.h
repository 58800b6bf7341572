/* SPDX-License-Identifier: MIT
 *
 * Names of the bundled guest's system calls and how their arguments look, made at build time of the guest's own
 * prototypes (guest/syscall/signatures.awk has the letters).
 */
#ifndef VITRINE_OBSERVE_SYSCALL_SIGNATURES_H
#define VITRINE_OBSERVE_SYSCALL_SIGNATURES_H

struct syscall_signature {
	const char *name;
	const char *letters; /* one for each argument, at most 6 */
};

/* NULL: the guest has no such call. */
const struct syscall_signature *syscall_signature(unsigned number);

#endif
