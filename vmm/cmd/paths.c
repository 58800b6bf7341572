/* SPDX-License-Identifier: MIT
 *
 * See paths.h.
 */
#include "cmd/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_MAX 4096

int path_find_data(const char *file, char *path, size_t size_bytes)
{
	/* Relative to the binary's folder: the build tree, a sanitizer or debug build in it, and an
	 * installation that was moved; last the place it was configured for. */
	static const char *const places[] = {"%s/%s", "%s/../%s", "%s/../../%s",
					     "%s/../share/vitrine/%s"};
	char folder[FOLDER_MAX];
	ssize_t len = readlink("/proc/self/exe", folder, sizeof(folder) - 1);

	folder[len > 0 ? len : 0] = '\0';
	if (strrchr(folder, '/'))
		*strrchr(folder, '/') = '\0';
	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(path, size_bytes, places[i], folder, file);
#pragma GCC diagnostic pop
		if (access(path, R_OK) == 0)
			return 0;
	}
	snprintf(path, size_bytes, VITRINE_PREFIX "/share/vitrine/%s", file);
	return access(path, R_OK) == 0 ? 0 : -ENOENT;
}

static int make_folder(const char *path)
{
	return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

int path_cache_dir(char *path, size_t size_bytes)
{
	const char *base = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	char parent[FOLDER_MAX];
	int err;

	if (base && base[0] == '/')
		snprintf(parent, sizeof(parent), "%s", base);
	else if (home && home[0] == '/')
		snprintf(parent, sizeof(parent), "%s/.cache", home);
	else
		return -ENOENT;
	err = make_folder(parent);
	if (err)
		return err;
	if ((size_t)snprintf(path, size_bytes, "%s/vitrine", parent) >= size_bytes)
		return -ENAMETOOLONG;
	return make_folder(path);
}
