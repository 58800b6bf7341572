/* SPDX-License-Identifier: MIT
 *
 * A streaming JSON writer (RFC 8259): what is written goes straight to the stream, commas, indenting
 * and escapes are its business. In an object every call names a key; in an array key is NULL.
 *
 *     struct json j;
 *     json_open(&j, stdout);
 *     json_object(&j, NULL);
 *     json_u64(&j, "exits_total", 42);
 *     json_array(&j, "vcpus");
 *     json_string(&j, NULL, "vcpu 0");
 *     json_end(&j);
 *     json_end(&j);
 *     return json_close(&j);
 */
#ifndef VITRINE_OBSERVE_JSON_H
#define VITRINE_OBSERVE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 32u

/* Plain data, no memory behind it. */
struct json {
	FILE *out;
	unsigned depth;
	uint32_t is_array; /* one bit per level */
	uint32_t has_item;
};

void json_open(struct json *j, FILE *out);

/* Opens a container; json_end() closes the innermost one. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_end(struct json *j);

/* Text is UTF-8; bytes that are not become U+FFFD. NULL is written as null. */
void json_string(struct json *j, const char *key, const char *text);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_i64(struct json *j, const char *key, int64_t value);
void json_double(struct json *j, const char *key, double value); /* not finite: null */
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

/* Everything must have been ended. Newline and flush; 0 or -EIO if anything could not be written. */
int json_close(struct json *j);

#endif
