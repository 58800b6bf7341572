/* SPDX-License-Identifier: MIT
 *
 * Commands about disks; each prints its verdict.
 */
#ifndef GUEST_PROMPT_DISK_COMMANDS_H
#define GUEST_PROMPT_DISK_COMMANDS_H

/* disks; diskread NAME [SECTOR]; disksum NAME [START [COUNT]]; disktest NAME [START [COUNT]];
 * diskbench NAME [REQUESTS]. An empty NAME is the first disk. */
void disk_command_list(const char *argument);
void disk_command_read(const char *argument);
void disk_command_sum(const char *argument);
void disk_command_test(const char *argument);
void disk_command_bench(const char *argument);

#endif
