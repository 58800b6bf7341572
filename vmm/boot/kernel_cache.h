/* SPDX-License-Identifier: MIT
 *
 * Unpacked kernels on disk: one file per payload, named by its content, laid out so that loading
 * it is one pread() per run of non-zero pages straight into guest RAM. docs/boot.md has the
 * format.
 */
#ifndef VITRINE_BOOT_KERNEL_CACHE_H
#define VITRINE_BOOT_KERNEL_CACHE_H

#include <stdint.h>
#include <sys/stat.h>

#include "boot/hash.h"
#include "kvm/gmem.h"

#define KERNEL_RUN_MAX 64
#define KERNEL_PAGE_BYTES 4096ULL

/* Non-zero pages of a kernel that follow each other. */
struct kernel_run {
	uint64_t gpa; /* where it is linked; a multiple of 4 KiB, as its length is */
	uint64_t len_bytes;
	uint64_t offset; /* in the cache's file */
	uint64_t checksum;
};

/* A kernel as it lies in memory. Addresses are those it was linked for. */
struct kernel_layout {
	uint64_t gpa;
	uint64_t span_bytes; /* from gpa to the end of its bss */
	uint64_t entry_gpa;
	uint64_t reloc_offset; /* in the cache's file; a table of 32-bit words */
	uint64_t reloc_bytes;  /* 0: no relocation table */
	uint64_t reloc_checksum;
	uint64_t run_count;
	struct kernel_run run[KERNEL_RUN_MAX];
};

/* Which payload: its hash and its length. */
struct kernel_id {
	struct content_hash hash;
	uint64_t len_bytes;
};

/* The secret that names are hashed with, made when the cache is first used. key has HASH_KEY_BYTES.
 * -errno: this directory can't be used as a cache. */
int kernel_cache_key(const char *dir, uint64_t *key);

/* Opens the entry and checks its header. Returns a descriptor, or -errno: there is no (good)
 * entry. */
int kernel_cache_open(const char *dir, const struct kernel_id *id, struct kernel_layout *layout);

/* The same without hashing: opens the entry that the file has been remembered for. The file must
 * be the same, and unchanged to the nanosecond. */
int kernel_cache_open_known(const char *dir, const struct stat *file, struct kernel_layout *layout);

/* Remembers that file holds payload id, unless it was changed so recently that another change
 * might go unnoticed. */
void kernel_cache_remember(const char *dir, const struct stat *file, const struct kernel_id *id);

/* Copies all runs to mem, displaced by delta, and checks them. -EBADMSG: the entry is damaged;
 * what was written is zero again. */
int kernel_cache_read(int fd, const struct kernel_layout *layout, const struct gmem *mem,
		      uint64_t delta);

/* The relocation table, read-only, or NULL: there is none, or it is damaged. */
const void *kernel_cache_map_relocs(int fd, const struct kernel_layout *layout);
void kernel_cache_unmap_relocs(const void *table, const struct kernel_layout *layout);

/* Adds an entry from a kernel that lies in mem, displaced by delta and not yet relocated, and
 * evicts the oldest ones beyond limit_bytes. Fills in layout's offsets and checksums. Readers see
 * all of it or nothing. Failing is no error for a boot. */
#define KERNEL_CACHE_BYTES_MAX (512ULL << 20)
int kernel_cache_add(const char *dir, const struct kernel_id *id, struct kernel_layout *layout,
		     const struct gmem *mem, uint64_t delta, const void *reloc,
		     uint64_t limit_bytes);

#endif
