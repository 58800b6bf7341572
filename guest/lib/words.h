/* SPDX-License-Identifier: MIT
 *
 * The arguments of a command.
 */
#ifndef GUEST_LIB_WORDS_H
#define GUEST_LIB_WORDS_H

#include <stdbool.h>
#include <stdint.h>

/* Copies the next word of *at, cut to size, and moves *at behind it. false: there is none, and word is
 * empty. */
bool words_next(const char **at, char *word, unsigned size);

/* The next word as a number, or what is given if there is none. false: it is no number. */
bool words_number(const char **at, uint64_t otherwise, uint64_t *value);

#endif
