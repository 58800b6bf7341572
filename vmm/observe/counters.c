/* SPDX-License-Identifier: MIT
 *
 * Names of the exit reasons. See counters.h.
 */
#include "observe/counters.h"

#include <stddef.h>

const char *exit_reason_name(enum exit_reason reason)
{
	static const char *const names[EXIT_REASON_COUNT] = {
		[EXIT_PIO_READ] = "pio-read",
		[EXIT_PIO_WRITE] = "pio-write",
		[EXIT_MMIO_READ] = "mmio-read",
		[EXIT_MMIO_WRITE] = "mmio-write",
		[EXIT_HYPERCALL] = "hypercall",
		[EXIT_HLT] = "hlt",
		[EXIT_SHUTDOWN] = "shutdown",
		[EXIT_IOAPIC_EOI] = "ioapic-eoi",
		[EXIT_DEBUG] = "debug",
		[EXIT_INTERRUPTED] = "interrupted",
		[EXIT_SYSTEM_EVENT] = "system-event",
		[EXIT_FAIL_ENTRY] = "fail-entry",
		[EXIT_INTERNAL_ERROR] = "internal-error",
		[EXIT_OTHER] = "other",
	};

	return (size_t)reason < EXIT_REASON_COUNT ? names[reason] : "unknown";
}
