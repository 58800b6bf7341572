/* SPDX-License-Identifier: MIT
 *
 * What the host is told of requests that failed: one line per kind, and again after a minute.
 */
#ifndef VITRINE_BACKEND_BLOCK_ERRORS_H
#define VITRINE_BACKEND_BLOCK_ERRORS_H

#include <stddef.h>
#include <stdint.h>

struct block;
struct block_errors;
struct block_request;

int block_errors_create(struct block_errors **out); /* 0 or -ENOMEM */
void block_errors_destroy(struct block_errors *errors);

/* Takes the block's lock. error: -errno. */
void block_errors_report(struct block *block, const struct block_request *request, int error);

/* 1610612736 → "1.5 GiB". Returns text. */
const char *block_errors_size(uint64_t bytes, char *text, size_t text_size);

#endif
