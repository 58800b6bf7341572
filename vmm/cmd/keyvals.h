/* SPDX-License-Identifier: MIT
 *
 * "word,key=value,key=value": what options with options are made of.
 */
#ifndef VITRINE_CMD_KEYVALS_H
#define VITRINE_CMD_KEYVALS_H

/* Cuts the next part off *rest, a string that it writes into: key, and value, which is NULL where there is
 * no '='. 1, or 0: *rest is used up. Start with *rest at the first character. */
int keyvals_next(char **rest, char **key, char **value);

/* The index of value among NULL-terminated choices, or -1 (also for NULL). */
int keyvals_choose(const char *value, const char *const *choices);

#endif
