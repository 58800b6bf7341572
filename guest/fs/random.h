/* SPDX-License-Identifier: MIT
 *
 * Random bytes: ChaCha20 (RFC 8439 §2.3) whose key is replaced after each request. The first key comes
 * from the TSC, which whoever runs the machine can guess; writes to /dev/urandom (of a seed file, or from a
 * device) are stirred in. Good for what must not repeat; not for keys that matter.
 */
#ifndef GUEST_FS_RANDOM_H
#define GUEST_FS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *to, size_t bytes);
/* Stirs something into the key. */
void random_mix(const void *from, size_t bytes);

#endif
