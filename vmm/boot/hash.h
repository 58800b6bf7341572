/* SPDX-License-Identifier: MIT
 *
 * The two sums of the kernel cache: a keyed hash that names an image by its content, and a
 * checksum that notices a damaged entry. docs/boot.md argues why these.
 */
#ifndef VITRINE_BOOT_HASH_H
#define VITRINE_BOOT_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_BLOCK_BYTES 1024u
#define HASH_LEVELS 4u
#define HASH_KEY_BYTES (HASH_BLOCK_BYTES * HASH_LEVELS)
#define HASH_INPUT_MAX (256u << 20) /* what HASH_LEVELS levels cover */

struct content_hash {
	uint64_t word[2];
};

/* Universal hash: for any two different inputs of equal length, fixed before the random key was
 * drawn, the chance of a collision is at most 2^-62. Inputs of different lengths may collide:
 * compare lengths too. key: HASH_KEY_BYTES of it. len_bytes <= HASH_INPUT_MAX. */
struct content_hash content_hash(const uint64_t *key, const uint8_t *bytes, size_t len_bytes);

/* For accidents only (torn, zeroed or swapped pages, flipped bits): no defence against intent.
 * bytes is aligned to 16, len_bytes a multiple of 4096. */
uint64_t page_checksum(const void *bytes, size_t len_bytes);

#endif
