/* SPDX-License-Identifier: MIT
 *
 * The table. See syscall_signatures.h.
 */
#include "observe/syscall_signatures.h"

#include <stddef.h>

static const struct syscall_signature table[] = {
#define SIGNATURE(number, name, letters, strings, in, out) [number] = {#name, letters},
#include "syscall-signatures.h"
#undef SIGNATURE
};

const struct syscall_signature *syscall_signature(unsigned number)
{
	return number < sizeof(table) / sizeof(*table) && table[number].name ? &table[number]
									     : NULL;
}
