/* SPDX-License-Identifier: MIT
 *
 * What --disk, --net and their like of one command line came to: back ends that live as long as the process, and
 * the plugins of the board that stand on them.
 */
#ifndef VITRINE_CMD_DEVICES_H
#define VITRINE_CMD_DEVICES_H

#include <stdbool.h>
#include <stddef.h>

#include "board/board.h"

struct devices;

/* Options are checked as they come, and opened all together afterwards. */
int devices_create(struct devices **out);      /* 0 or -ENOMEM */
void devices_destroy(struct devices *devices); /* NULL is fine; the machine is gone */

/* One option's value; it is borrowed. 0, or -EINVAL with one line in err. */
int devices_add_disk(struct devices *devices, const char *value, char *err, size_t err_size);

/* Opens images and network. cpu_count: how many queues are worth having. 0, or -errno with one line in err. */
int devices_open(struct devices *devices, unsigned cpu_count, char *err, size_t err_size);

/* For struct board; borrowed. */
const struct board_plugin *devices_plugins(const struct devices *devices, unsigned *count);

#endif
