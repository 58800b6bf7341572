/* SPDX-License-Identifier: MIT
 *
 * Reading small text files of /proc and /sys. Paths are root + path, so that a test can bring its
 * own tree; a file that cannot be read is a fact that isn't known, not an error.
 */
#ifndef VITRINE_KVM_PROBE_FILES_H
#define VITRINE_KVM_PROBE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* root + path + "/" + name (name "": just root + path). 0 or -ENAMETOOLONG. */
int files_join(const char *root, const char *path, const char *name, char *full, size_t size_bytes);

bool files_exist(const char *root, const char *path);
bool files_are_writable(const char *root, const char *path); /* and readable */

/* The start of a file as a string, "" if there is none. 0 or -errno. */
int files_read_text(const char *root, const char *path, char *text, size_t size_bytes);

/* A decimal number; otherwise where there is none. */
int64_t files_read_number(const char *root, const char *path, int64_t otherwise);

/* A module parameter that is Y, N, 1 or 0: 1, 0, or -1 for anything else. */
int files_read_flag(const char *root, const char *path);

/* The word in brackets of "always [madvise] never", or "". */
void files_read_choice(const char *root, const char *path, char *word, size_t size_bytes);

/* The value of the first line "name : value" of a text, not cut at the line's end; or NULL. */
const char *files_find_field(const char *text, const char *name);

/* Whether the line at list (NULL: empty) has a word among its blanks. */
bool files_have_word(const char *list, const char *word);

/* The line at src, cut to the size. */
void files_copy_line(char *dst, size_t size_bytes, const char *src);

#endif
