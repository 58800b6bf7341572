/* SPDX-License-Identifier: MIT
 *
 * The line prompt, and the words of the command line that do something.
 */
#ifndef GUEST_PROMPT_PROMPT_H
#define GUEST_PROMPT_PROMPT_H

#include <stdbool.h>

/* Reads and runs commands for ever. */
_Noreturn void prompt_loop(void);

/* Runs one command line. false: there is no such command. */
bool prompt_command(const char *line);

/* Command-line words and what they do; act may return. */
struct prompt_action {
	const char *word;
	void (*act)(void);
};
extern const struct prompt_action prompt_action[];
extern const unsigned prompt_action_count;

#endif
