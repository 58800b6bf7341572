/* SPDX-License-Identifier: MIT
 *
 * The user half of an address space: areas (what may be where), and page tables (what is there now).
 * Pages arrive by faults, and are shared until written.
 *
 * Locks: space->lock (a mutex) guards the areas; space->tables (a spinlock) the page table entries. A
 * file is never given back, nor an inode locked, while space->lock is held.
 */
#ifndef GUEST_MM_SPACE_H
#define GUEST_MM_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/arch/spinlock.h"
#include "guest/lib/list.h"
#include "guest/lib/tree.h"
#include "guest/sched/mutex.h"

struct file;
struct page_cache;

/* Linux's numbers. */
enum vm_protection { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 };
enum vm_mapping {
	MAP_SHARED = 0x01,
	MAP_PRIVATE = 0x02,
	MAP_FIXED = 0x10,
	MAP_ANONYMOUS = 0x20,
	MAP_GROWSDOWN = 0x100,
	MAP_LOCKED = 0x2000,
	MAP_NORESERVE = 0x4000,
	MAP_POPULATE = 0x8000,
	MAP_STACK = 0x20000,
	MAP_HUGETLB = 0x40000,
	MAP_FIXED_NOREPLACE = 0x100000
};

/* madvise(2): large pages where a program goes through memory in order, wherever possible, or never. */
enum vm_huge { HUGE_AUTO, HUGE_ALWAYS, HUGE_NEVER };

struct vm_area {
	uint64_t start_gva, end_gva; /* page-aligned */
	uint32_t protection;	     /* enum vm_protection */
	uint32_t flags;		     /* enum vm_mapping: SHARED or PRIVATE, GROWSDOWN, … */
	struct file *file;	     /* referenced; NULL: anonymous */
	struct page_cache
		*cache; /* what backs it: the file's, or of shared anonymous memory; or NULL */
	uint64_t first_index; /* page of the file at start_gva */
	const char *label;    /* "[heap]", "[stack]", or NULL; a literal */
	uint8_t huge;	      /* enum vm_huge */
	struct space *space;
	struct tree_node by_address;
	struct list in_cache; /* of cache->areas; when it is no more, of those to be released */
};

struct space {
	uint64_t *pml4;
	struct mutex lock;
	struct spinlock tables;
	struct tree areas;
	uint32_t refs;
	uint64_t running_on; /* atomic: CPUs whose CR3 it is in, one bit each; for TLB shootdown */
	uint64_t brk_start_gva, brk_gva;
	uint64_t mmap_base_gva; /* mappings without a wish go below it */
	uint64_t stack_gva, arguments_gva, arguments_end_gva, environment_gva, environment_end_gva;
	uint64_t auxv[48]; /* for /proc/PID/auxv */
	struct file *executable;
	uint64_t resident, resident_peak; /* pages */
	uint64_t mapped_pages;		  /* of all areas */
	uint64_t table_pages;
	uint64_t swapped;	   /* pages */
	uint64_t reclaim_at;	   /* where the clock hand of reclaim stands */
	struct list in_all;	   /* of all spaces, for reclaim */
	struct list table_list;	   /* struct page of its tables, but for the PML4 */
	struct vm_area *last_area; /* the one found last */
	uint64_t locked_pages;	   /* of areas that are MAP_LOCKED */
	uint32_t area_count;
	bool lock_future; /* mlockall(MCL_FUTURE) */
	bool doomed;	  /* the OOM killer chose it: faults fail at once */
};

/* An empty space with one reference; NULL: no memory. */
struct space *space_create(void);

/* A copy for fork: private pages are shared and copied when written. NULL: no memory. */
struct space *space_fork(struct space *from);

struct space *space_get(struct space *space);
/* The last reference unmaps all. May sleep. */
void space_put(struct space *space);

/* In schedule(): loads CR3; NULL is the kernel's own. Interrupts off. */
void space_switch(struct space *from, struct space *to);

enum space_access { SPACE_READ, SPACE_WRITE, SPACE_EXECUTE };
/* Makes gva usable in that way, by reading, copying, or growing the stack. 0, or
 *   -EFAULT  nothing is mapped there    -EACCES  not permitted there
 *   -ENOMEM  no memory                  -EIO     the file ends before, or can't be read (SIGBUS) */
int space_fault(struct space *space, uint64_t gva, enum space_access access);

/* mmap(2): address or -errno. The file's reference is the space's own (it takes one). */
int64_t space_map(struct space *space, uint64_t wish_gva, uint64_t bytes, unsigned protection,
		  unsigned flags, struct file *file, uint64_t offset);
int space_unmap(struct space *space, uint64_t gva, uint64_t bytes);
int space_protect(struct space *space, uint64_t gva, uint64_t bytes, unsigned protection);

/* Names an area for /proc/PID/maps; label is a literal. */
void space_label(struct space *space, uint64_t gva, const char *label);

/* Copies to or from any space, as if by its own program; faults as needed. 0 or -EFAULT. space_poke()
 * also writes what the program may not write (private copies), for exec and ptrace-like uses. */
int space_peek(struct space *space, void *to, uint64_t from_gva, size_t bytes);
int space_poke(struct space *space, uint64_t to_gva, const void *from, size_t bytes);

#endif
