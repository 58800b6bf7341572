/* SPDX-License-Identifier: MIT
 *
 * Where Vitrine finds its own files: beside the binary in a build tree, or where it was installed.
 */
#ifndef VITRINE_BACKEND_PATHS_H
#define VITRINE_BACKEND_PATHS_H

#include <stddef.h>

/* File of the bundled data ("guest/vitrine-guest", "bios/vitrine-bios.bin") into path. 0 or -ENOENT. */
int path_find_data(const char *file, char *path, size_t size_bytes);

/* A helper program ("vitrine-slirp") into path: beside vitrine or above it, or in libexec. 0 or -ENOENT. */
int path_find_program(const char *program, char *path, size_t size_bytes);

/* Folder for unpacked kernels, made if need be: $XDG_CACHE_HOME/vitrine or ~/.cache/vitrine.
 * 0 or -errno: then there is no cache. */
int path_cache_dir(char *path, size_t size_bytes);

#endif
