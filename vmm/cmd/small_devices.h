/* SPDX-License-Identifier: MIT
 *
 * The small devices of one command line: random numbers, consoles, balloon, vsock, shared folders. Their back ends
 * live as long as the process. Part of cmd/devices.h, whose functions call these.
 */
#ifndef VITRINE_CMD_SMALL_DEVICES_H
#define VITRINE_CMD_SMALL_DEVICES_H

#include <stdbool.h>
#include <stddef.h>

#include "board/board.h"

struct console_keys;
struct loop;
struct small_devices;

int small_devices_create(struct small_devices **out);	   /* 0 or -ENOMEM */
void small_devices_destroy(struct small_devices *devices); /* NULL is fine */

/* One option by its name without dashes ("rng", …) and its value. 0, or -EINVAL with one line in err. */
int small_devices_add(struct small_devices *devices, const char *option, const char *value,
		      char *err, size_t err_size);

/* Where --virtio-console leads; NULL: there is none. */
const char *small_devices_hvc_line(const struct small_devices *devices);

/* Plugs one device in: name_kind and number make its name; as: model, options, plug, shares_memory. 0 or -errno with one line in err. */
typedef int small_devices_plug_fn(void *ctx, const char *kind, unsigned number,
				  const struct board_plugin *as, bool packed_ring, char *err,
				  size_t err_size);

/* Opens lines and sockets, starts back ends, and plugs all of it in. keys: of a terminal. 0, or -errno with
 * one line in err. */
int small_devices_open(struct small_devices *devices, struct loop *loop,
		       const struct console_keys *keys, small_devices_plug_fn *plug, void *ctx,
		       char *err, size_t err_size);

/* Plugs the same in, in the same order, and opens nothing: as has a plug and no more. */
int small_devices_place(struct small_devices *devices, small_devices_plug_fn *plug, void *ctx,
			char *err, size_t err_size);

#endif
