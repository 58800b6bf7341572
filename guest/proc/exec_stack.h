/* SPDX-License-Identifier: MIT
 *
 * The stack that a new program starts on (psABI 3.4.1).
 */
#ifndef GUEST_PROC_EXEC_STACK_H
#define GUEST_PROC_EXEC_STACK_H

#include <stdbool.h>
#include <stdint.h>

struct credentials;
struct elf_program;
struct exec_strings;
struct space;

/* Maps it into space below top_gva and fills it in. The last of strings, behind the environment, is the
 * name for AT_EXECFN. secure: the program has more rights than who starts it. 0 or -errno; *rsp is where
 * the program starts. */
int exec_stack_build(struct space *space, uint64_t top_gva, const struct exec_strings *strings,
		     const struct elf_program *program, const struct credentials *credentials,
		     bool secure, uint64_t *rsp);

#endif
