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

struct console_keys;
struct devices;
struct loop;

/* Options are checked as they come, and opened all together afterwards. */
int devices_create(struct devices **out);      /* 0 or -ENOMEM */
void devices_destroy(struct devices *devices); /* NULL is fine; the machine is gone */

/* One option's value; it is borrowed. 0, or -EINVAL with one line in err. */
int devices_add_disk(struct devices *devices, const char *value, char *err, size_t err_size);

int devices_add_net(struct devices *devices, const char *value, char *err, size_t err_size);

/* One of the small devices by its option's name without dashes: rng, virtio-console, port, balloon, vsock, share. */
int devices_add_small(struct devices *devices, const char *option, const char *value, char *err,
		      size_t err_size);

/* Where --virtio-console leads; NULL: there is none. */
const char *devices_hvc_line(const struct devices *devices);

/* Opens images, network and the small devices. keys: of the terminal that hvc0 may be on; cpu_count: how many queues are worth having; argv: the whole command line.
 * 0, or -errno with one line in err. */
int devices_open(struct devices *devices, unsigned cpu_count, char *const *argv, struct loop *loop,
		 const struct console_keys *keys, char *err, size_t err_size);

/* Instead of devices_open(): opens nothing. The plugins have their places, and no model. For vitrine dump. */
int devices_place(struct devices *devices, char *err, size_t err_size);

/* For struct board; borrowed. */
const struct board_plugin *devices_plugins(const struct devices *devices, unsigned *count);

#endif
