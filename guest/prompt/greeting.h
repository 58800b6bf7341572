/* SPDX-License-Identifier: MIT
 *
 * What the guest says when it is up.
 */
#ifndef GUEST_PROMPT_GREETING_H
#define GUEST_PROMPT_GREETING_H

/* A few lines on what this machine is. */
void greet(void);

#endif
