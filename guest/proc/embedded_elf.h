/* SPDX-License-Identifier: MIT
 *
 * Loading a static ELF64 program (System V gABI ch. 5) into an address space.
 */
#ifndef GUEST_PROC_EMBEDDED_ELF_H
#define GUEST_PROC_EMBEDDED_ELF_H

#include <stdint.h>

/* Maps the loadable segments of a page-aligned image that stays where it is: read-only pages are the
 * image's own frames, writable ones are copies. Returns the entry point, 0 for a bad image, 1 for
 * lack of memory. */
uint64_t embedded_elf_load(uint64_t *pml4, const uint8_t *image, uint64_t image_bytes);

#endif
