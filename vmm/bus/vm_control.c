/* SPDX-License-Identifier: MIT
 *
 * First request wins. See vm_control.h.
 */
#include "bus/vm_control.h"

#include <stddef.h>

void vm_control_request(struct vm_control *control, enum vm_end end, uint32_t value)
{
	uint64_t expected = 0;
	uint64_t wanted = (uint64_t)value << 32 | end;

	if (atomic_compare_exchange_strong(&control->request, &expected, wanted) && control->wake)
		control->wake(control->ctx);
}

enum vm_end vm_control_pending(const struct vm_control *control, uint32_t *value)
{
	uint64_t request = atomic_load(&control->request);

	if (value)
		*value = (uint32_t)(request >> 32);
	return (enum vm_end)(request & 0xffffffffu);
}

const char *vm_end_name(enum vm_end end)
{
	static const char *const names[] = {
		[VM_END_NONE] = "running",	    [VM_END_POWEROFF] = "power-off",
		[VM_END_RESET] = "reset",	    [VM_END_DEBUG_EXIT] = "debug-exit",
		[VM_END_PANIC] = "guest panic",	    [VM_END_TRIPLE_FAULT] = "triple fault",
		[VM_END_TIMEOUT] = "timeout",	    [VM_END_USER_QUIT] = "quit by the user",
		[VM_END_HOST_ERROR] = "host error",
	};

	return (size_t)end < sizeof(names) / sizeof(*names) ? names[end] : "unknown";
}
