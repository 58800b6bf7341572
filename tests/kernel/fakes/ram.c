/* SPDX-License-Identifier: MIT
 *
 * RAM where the kernel expects it: host memory at DIRECT_BASE.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "guest/mm/page.h"
#include "tests/kernel/host.h"

void host_ram_map(uint64_t bytes)
{
	void *wish = (void *)DIRECT_BASE;

	if (mmap(wish, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
		 0) != wish) {
		perror("RAM at DIRECT_BASE");
		exit(1);
	}
}

void host_ram_start(uint64_t bytes)
{
	static uint64_t mapped;

	if (mapped)
		return;
	mapped = bytes;
	host_ram_map(bytes);
	page_add_range(PAGE_BYTES, bytes);
	page_init();
}
