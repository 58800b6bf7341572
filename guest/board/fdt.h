/* SPDX-License-Identifier: MIT
 *
 * Reading a flattened device tree (Devicetree Specification 0.4 §5) as a stream of events. Every
 * offset is checked against the blob before it is used; the blob itself is never written.
 */
#ifndef GUEST_BOARD_FDT_H
#define GUEST_BOARD_FDT_H

#include <stdbool.h>
#include <stdint.h>

#define FDT_DEPTH_MAX 16 /* deeper trees are refused */

enum fdt_event {
	FDT_EVENT_NODE,
	FDT_EVENT_PROPERTY,
	FDT_EVENT_NODE_END,
	FDT_EVENT_END,
	FDT_EVENT_BAD
};

/* A property's bytes, inside the blob. */
struct fdt_value {
	const uint8_t *at;
	uint32_t bytes;
};

struct fdt {
	const uint8_t *at, *end; /* what is left of the structure block */
	const char *strings;
	uint32_t strings_bytes;
	unsigned depth;		/* 1 inside the root */
	const char *name;	/* of the node or property of the last event */
	struct fdt_value value; /* of the property */
};

/* Checks the header of a blob of at most max_bytes. */
bool fdt_open(struct fdt *fdt, const void *blob, uint64_t max_bytes);

/* The next node, property or end; FDT_EVENT_BAD if the tree is damaged, and then again and again. */
enum fdt_event fdt_next(struct fdt *fdt);

/* Cell number index of a property; 0 if it isn't there. */
uint32_t fdt_cell(const struct fdt_value *value, unsigned index);

/* Cells index and index + 1 as one number. */
uint64_t fdt_cell_pair(const struct fdt_value *value, unsigned index);

/* A property as a list of strings: the one after s, or the first for NULL. NULL: no more,
 * or not NUL-terminated. */
const char *fdt_string_after(const struct fdt_value *value, const char *s);

#endif
