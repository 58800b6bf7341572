/* SPDX-License-Identifier: MIT
 *
 * The arguments and environment of a new program, gathered in kernel memory, one string behind the other.
 */
#ifndef GUEST_PROC_EXEC_STRINGS_H
#define GUEST_PROC_EXEC_STRINGS_H

#include <stddef.h>
#include <stdint.h>

struct page;

struct exec_strings {
	struct page *pages; /* of order */
	char *at;
	unsigned order;
	size_t used;
	uint32_t argument_count, environment_count;
	size_t environment_start; /* offset */
};

/* 0 or -ENOMEM. */
int exec_strings_init(struct exec_strings *strings);
void exec_strings_free(struct exec_strings *strings);

/* Each 0, or -E2BIG, -EFAULT, -ENOMEM. skip: so many of the vector are left out at its start. */
int exec_strings_add(struct exec_strings *strings, const char *text);
int exec_strings_add_vector(struct exec_strings *strings, char *const *vector, unsigned skip,
			    uint32_t *count);
int exec_strings_add_user_vector(struct exec_strings *strings, uint64_t vector_gva, unsigned skip,
				 uint32_t *count);

#endif
