/* SPDX-License-Identifier: MIT
 *
 * The vDSO (guest/vdso) in the address spaces of programs: a page of data, then a page of code.
 */
#ifndef GUEST_HYPER_VDSO_H
#define GUEST_HYPER_VDSO_H

#include <stdint.h>

#include "guest/mm/layout.h"
#include "guest/vdso/data.h"

struct space;

#define VDSO_BYTES (2 * PAGE_BYTES)

/* The page of data, the kernel's own clock being in it; there from vdso_init() on. */
extern struct vdso_data *vdso_data;

/* Before the clock starts. */
void vdso_init(void);

/* Before the first program: the code, unless pv=-vdso. */
void vdso_start(void);

/* Maps both pages at gva (where two pages are free) into a space that nobody else knows yet. Where the code
 * is, for AT_SYSINFO_EHDR; 0: there is none here, or no memory. */
uint64_t vdso_map(struct space *space, uint64_t gva);

#endif
