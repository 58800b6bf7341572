/* SPDX-License-Identifier: MIT
 *
 * What the bundled guest tells the VMM of its programs' system calls (HYPERCALL_TRACE): records in a row, each
 * followed by the texts that some arguments point to. How a call's arguments look is a table made of the
 * guest's own prototypes at build time (guest/syscall/signatures.awk).
 */
#ifndef VITRINE_ABI_SYSCALL_TRACE_H
#define VITRINE_ABI_SYSCALL_TRACE_H

#include <stdint.h>

#define SYSCALL_TRACE_BYTES_MAX 8192u /* of one hypercall */
#define SYSCALL_TRACE_TEXT_MAX 96u    /* bytes of one text; longer ones are cut */
#define SYSCALL_TRACE_TEXTS_MAX 4u    /* in one record */
#define SYSCALL_TRACE_NO_RETURN 1u    /* flag: exit() and the like; there is no result */

struct syscall_trace_record {
	uint16_t bytes; /* with its texts; a multiple of 8 */
	uint16_t number;
	uint16_t flags;
	uint16_t text_count;
	int32_t tid;
	int32_t pid;
	char program[16]; /* NUL-terminated */
	uint64_t argument[6];
	int64_t result; /* >= 0 or a negative errno */
};

_Static_assert(sizeof(struct syscall_trace_record) == 88, "syscall trace record");

/* Followed by its bytes and zeroes up to a multiple of 8. */
struct syscall_trace_text {
	uint16_t argument; /* 0 to 5 */
	uint16_t cut;	   /* there was more */
	uint32_t bytes;
};

_Static_assert(sizeof(struct syscall_trace_text) == 8, "syscall trace text");

#endif
