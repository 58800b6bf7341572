/* SPDX-License-Identifier: MIT
 *
 * KVM's dirty log: which pages of RAM the guest's processors, and KVM for them, have written. What devices write
 * is not in it: that is the VMM's own doing.
 */
#ifndef VITRINE_KVM_DIRTY_H
#define VITRINE_KVM_DIRTY_H

#include <stdint.h>

struct vm;

/* How many pages were written since the last call, or since the start; they are to be written once more to count
 * again. -errno; -ENOTSUP: the VM was made without vm_setup.log_dirty. Any one thread at a time. */
int64_t vm_take_dirty_count(struct vm *vm);

#endif
