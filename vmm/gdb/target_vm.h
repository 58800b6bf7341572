/* SPDX-License-Identifier: MIT
 *
 * A VM as a gdb_target.
 */
#ifndef VITRINE_GDB_TARGET_VM_H
#define VITRINE_GDB_TARGET_VM_H

#include "gdb/target.h"

struct vm;

/* The VM must outlive the target. */
struct gdb_target gdb_target_of_vm(struct vm *vm);

#endif
