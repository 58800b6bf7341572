/* SPDX-License-Identifier: MIT
 *
 * Private to kernel_cache.c and kernel_cache_add.c: what lies in the directory, and under which
 * names.
 */
#ifndef VITRINE_BOOT_KERNEL_CACHE_FORMAT_H
#define VITRINE_BOOT_KERNEL_CACHE_FORMAT_H

#include "boot/kernel_cache.h"

#define CACHE_MAGIC "VitrineK"
#define CACHE_VERSION 1u /* of the format and of how a layout is made from a payload */

#define KEY_FILE "key"		/* HASH_KEY_BYTES of random */
#define ENTRY_SUFFIX ".kernel"	/* a page of header, then data */
#define LINK_SUFFIX ".file"	/* a symbolic link from a file's identity to its entry */
#define TEMPORARY_PREFIX "tmp-" /* becomes one of the others, or litter */
#define CACHE_NAME_MAX 160

struct entry_header {
	char magic[8];
	uint64_t version;
	struct kernel_id id;
	uint64_t file_bytes;
	struct kernel_layout layout;
	uint64_t checksum; /* of the page with this field 0 */
};

union header_page {
	struct entry_header header;
	uint8_t bytes[KERNEL_PAGE_BYTES];
} __attribute__((aligned(16)));

_Static_assert(sizeof(union header_page) == KERNEL_PAGE_BYTES, "a header is one page");

static inline uint64_t cache_page_align(uint64_t value)
{
	return (value + KERNEL_PAGE_BYTES - 1) & ~(KERNEL_PAGE_BYTES - 1);
}

/* Name of a payload's entry; name of the link for a file of the host. */
void cache_entry_name(const struct kernel_id *id, char name[CACHE_NAME_MAX]);
void cache_link_name(const struct stat *file, char name[CACHE_NAME_MAX]);

/* A descriptor, or -errno. */
int cache_open_dir(const char *dir);

/* The table in an entry's file, or NULL. Not checked. */
const void *cache_map_relocs(int fd, const struct kernel_layout *layout);

#endif
