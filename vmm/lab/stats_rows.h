/* SPDX-License-Identifier: MIT
 *
 * What `vitrine run --stats --json` tells, as rows "name= value=" of a table.
 */
#ifndef VITRINE_LAB_STATS_ROWS_H
#define VITRINE_LAB_STATS_ROWS_H

#include <stddef.h>

#include "lab/table.h"

/* Adds a row for each number of the JSON text. Its name is the keys on the way to it, with dots between them
 * (exits.pio_write). An object in a list is called by what it says of itself first, its model left out: vcpus.0.exits.hlt,
 * windows.com1.0.writes, queues.disk0.queue0.kicks, figures.disk0.errors; other members of a list by their place.
 * 0, or -EINVAL: it isn't what vitrine writes. */
int stats_rows_add(struct tables *tables, const char *table, const char *where, const char *json);

#endif
