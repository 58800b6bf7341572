/* SPDX-License-Identifier: MIT
 *
 * "virtio=WORD,WORD…" on the command line: which ring features the drivers ask for, and how they
 * learn of used buffers. Without it: event_idx,indirect, by interrupt.
 */
#ifndef GUEST_VIRTIO_OPTIONS_H
#define GUEST_VIRTIO_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct virtio_options {
	uint64_t features; /* negotiated where offered */
	bool given;	   /* by the command line, so that a test insists on them */
	bool poll;	   /* no interrupts at all */
	bool intx;	   /* no MSI-X */
};

/* Read once. Panics at a word that means nothing. */
const struct virtio_options *virtio_options(void);

/* Names of these features' words, with blanks between. */
void virtio_feature_names(uint64_t features, char *text, unsigned size);

#endif
