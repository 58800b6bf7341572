/* SPDX-License-Identifier: MIT
 *
 * Numbers and addresses in commands.
 */
#ifndef GUEST_LIB_NUMBER_H
#define GUEST_LIB_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Reads digits at *at (hexadecimal after 0x) with an optional K, M or G, and moves *at behind them.
 * false: there is no digit, or the number is too large; *at is where that was seen. */
bool number_parse(const char **at, uint64_t *value);

/* The same for an IPv4 address, first byte highest. */
bool number_parse_ipv4(const char **at, uint32_t *address);

#endif
