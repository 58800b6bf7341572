/* SPDX-License-Identifier: MIT
 *
 * Kernel address space layout randomisation for Linux, done by the loader because the decompressor
 * that would have done it does not run.
 */
#ifndef VITRINE_BOOT_KASLR_H
#define VITRINE_BOOT_KASLR_H

#include <stdbool.h>
#include <stdint.h>

/* Where a kernel goes. Both displacements are multiples of 2 MiB. */
struct kaslr_bases {
	uint64_t physical_delta; /* from where it is linked */
	uint64_t virtual_delta;	 /* added to every address in it */
};

/* Is there a "nokaslr" among the words of the command line? */
bool kaslr_forbidden(const char *cmdline);

/* Draws both bases at random for a kernel linked at gpa that needs span_bytes of RAM below
 * ceiling. Where there is no choice, the deltas are 0. 0 or -errno (no random numbers). */
int kaslr_choose(uint64_t gpa, uint64_t span_bytes, uint64_t ceiling, struct kaslr_bases *bases);

/* Does this look like the table that Linux's build appends to its ELF? */
bool kaslr_table_is_known(const uint8_t *table, uint64_t len_bytes);

/* Adds virtual_delta at every place the table names. kernel: span_bytes of memory that holds the
 * kernel linked at gpa. 0, or -EBADMSG: an entry points outside the kernel. */
int kaslr_relocate(uint8_t *kernel, uint64_t gpa, uint64_t span_bytes, const uint8_t *table,
		   uint64_t len_bytes, uint64_t virtual_delta);

#endif
