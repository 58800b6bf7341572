/* SPDX-License-Identifier: MIT
 *
 * One bitmap for each memory slot, fetched and cleared in one step: KVM makes the pages read-only again, so the next
 * write to each of them is an exit into KVM. KVM's API documentation, KVM_GET_DIRTY_LOG.
 */
#include "kvm/dirty.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "kvm/vm_internal.h"

#define PAGE_BYTES 4096
#define WORD_BITS 64

static int64_t take_slot(const struct vm *vm, unsigned slot, uint64_t size_bytes)
{
	const uint64_t words = (size_bytes / PAGE_BYTES + WORD_BITS - 1) / WORD_BITS;
	uint64_t *bitmap = calloc(words, sizeof(*bitmap));
	struct kvm_dirty_log log = {.slot = slot, .dirty_bitmap = bitmap};
	int64_t count = 0;

	if (!bitmap)
		return -ENOMEM;
	if (ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log) < 0)
		count = -errno;
	else
		for (uint64_t i = 0; i < words; i++)
			count += __builtin_popcountll(bitmap[i]);
	free(bitmap);
	return count;
}

int64_t vm_take_dirty_count(struct vm *vm)
{
	int64_t sum = 0;

	if (!vm->setup.log_dirty)
		return -ENOTSUP;
	for (unsigned slot = 0; slot < vm->ram_slot_count && sum >= 0; slot++) {
		const int64_t its = take_slot(vm, slot, vm->ram_slot_bytes[slot]);

		sum = its < 0 ? its : sum + its;
	}
	return sum;
}
