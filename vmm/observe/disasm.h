/* SPDX-License-Identifier: MIT
 *
 * x86 code as text. The work is done by a program of its own, vitrine-disasm, with libcapstone: a run
 * that needs no disassembly neither pays for the library nor requires it, and what a hostile guest
 * chose as code is not decoded in the VMM.
 */
#ifndef VITRINE_OBSERVE_DISASM_H
#define VITRINE_OBSERVE_DISASM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The Debian package to name to a user who lacks the library. */
#define DISASM_PACKAGE "libcapstone4"

/* One line per instruction, at most line_max, each starting with indent: address, bytes, text. bits:
 * 16, 32 or 64. Returns how many lines were printed (0: the first bytes are no instruction), or
 * -ENOENT where the library or the program is missing. At most 64 bytes of code are looked at. */
int disasm_print(FILE *out, const char *indent, unsigned bits, uint64_t address,
		 const uint8_t *code, size_t size_bytes, unsigned line_max);

#endif
