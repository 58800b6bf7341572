/* SPDX-License-Identifier: MIT
 *
 * x86 code as text, through libcapstone, which is loaded when it is first needed: a run that needs
 * no disassembly neither pays for the library nor requires it.
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
 * -ENOENT where the library is missing. */
int disasm_print(FILE *out, const char *indent, unsigned bits, uint64_t address,
		 const uint8_t *code, size_t size_bytes, unsigned line_max);

#endif
