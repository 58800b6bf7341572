/* SPDX-License-Identifier: MIT
 *
 * Ways to end: off, reset, an exit status for tests, a reported panic; and the power button.
 * Each tries what the machine has, the most specific first.
 */
#ifndef GUEST_DRIVERS_POWER_H
#define GUEST_DRIVERS_POWER_H

#include <stdint.h>

/* Listens to the power button. Pressing it switches off. */
void power_init(void);

_Noreturn void power_off(void);
_Noreturn void power_reboot(void);

/* Ends the VM with a status (0: success) if anything here can; says so and switches off if not. */
_Noreturn void power_exit(uint32_t status);

/* Tells the hypervisor that we have panicked. Returns if it doesn't care. */
void power_report_panic(void);

#endif
