/* SPDX-License-Identifier: MIT
 *
 * Gathering strings. The block of pages doubles when it is full, up to a megabyte.
 */
#include "guest/proc/exec_strings.h"

#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/page.h"
#include "guest/mm/user.h"

#define ORDER_MAX 8
#define STRING_MAX 0x20000
#define STRINGS_MAX 0x8000
#define POINTERS_AT_ONCE 32

static size_t size_of(const struct exec_strings *strings)
{
	return (size_t)PAGE_BYTES << strings->order;
}

int exec_strings_init(struct exec_strings *strings)
{
	*strings = (struct exec_strings){.pages = page_alloc(0, 0)};
	if (!strings->pages)
		return -ENOMEM;
	strings->at = page_data(strings->pages);
	return 0;
}

void exec_strings_free(struct exec_strings *strings)
{
	if (strings->pages)
		page_put(strings->pages);
	strings->pages = NULL;
}

static int grow(struct exec_strings *strings)
{
	struct page *pages;

	if (strings->order == ORDER_MAX)
		return -E2BIG;
	pages = page_alloc(strings->order + 1, 0);
	if (!pages)
		return -ENOMEM;
	memcpy(page_data(pages), strings->at, strings->used);
	page_put(strings->pages);
	strings->pages = pages;
	strings->at = page_data(pages);
	strings->order++;
	return 0;
}

int exec_strings_add(struct exec_strings *strings, const char *text)
{
	const size_t bytes = strlen(text) + 1;

	while (bytes > size_of(strings) - strings->used) {
		const int error = grow(strings);

		if (error)
			return error;
	}
	memcpy(strings->at + strings->used, text, bytes);
	strings->used += bytes;
	return 0;
}

static int add_user(struct exec_strings *strings, uint64_t gva)
{
	for (;;) {
		const size_t room = size_of(strings) - strings->used;
		const int64_t length = room ? user_read_string(strings->at + strings->used, gva,
							       room < STRING_MAX ? room
										 : STRING_MAX)
					    : -ENAMETOOLONG;
		int error;

		if (length >= 0) {
			strings->used += (size_t)length + 1;
			return 0;
		}
		if (length != -ENAMETOOLONG)
			return (int)length;
		error = room >= STRING_MAX ? -E2BIG : grow(strings);
		if (error)
			return error;
	}
}

int exec_strings_add_vector(struct exec_strings *strings, char *const *vector, unsigned skip,
			    uint32_t *count)
{
	for (; *vector; vector++) {
		int error;

		if (skip) {
			skip--;
			continue;
		}
		error = exec_strings_add(strings, *vector);
		if (error)
			return error;
		++*count;
	}
	return 0;
}

/* Pointers are read many at a time, but never beyond the page in which the vector may end. */
static unsigned read_pointers(uint64_t gva, uint64_t pointer[POINTERS_AT_ONCE])
{
	const uint64_t to_page_end = (PAGE_BYTES - gva % PAGE_BYTES) / sizeof(*pointer);
	const unsigned count = to_page_end == 0			? 1
			       : to_page_end < POINTERS_AT_ONCE ? (unsigned)to_page_end
								: POINTERS_AT_ONCE;

	return user_read(pointer, gva, count * sizeof(*pointer)) ? 0 : count;
}

int exec_strings_add_user_vector(struct exec_strings *strings, uint64_t vector_gva, unsigned skip,
				 uint32_t *count)
{
	uint64_t pointer[POINTERS_AT_ONCE];

	while (vector_gva) {
		const unsigned got = read_pointers(vector_gva, pointer);

		if (!got)
			return -EFAULT;
		for (unsigned i = 0; i < got; i++) {
			int error;

			if (!pointer[i])
				return 0;
			if (skip) {
				skip--;
				continue;
			}
			if (++*count > STRINGS_MAX)
				return -E2BIG;
			error = add_user(strings, pointer[i]);
			if (error)
				return error;
		}
		vector_gva += got * sizeof(*pointer);
	}
	return 0;
}
