/* SPDX-License-Identifier: MIT
 *
 * Names of the kernel's functions, from a table that the build makes of its own symbols.
 */
#ifndef GUEST_LIB_SYMBOLS_H
#define GUEST_LIB_SYMBOLS_H

#include <stdint.h>

/* The function that contains address, and how far inside; "?" if none does. */
const char *symbol_name(uint64_t address, uint64_t *offset);

#endif
