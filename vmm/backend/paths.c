/* SPDX-License-Identifier: MIT
 *
 * See paths.h.
 */
#include "backend/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_MAX 4096

/* The first of the places, as seen from the binary's folder, where the file can be used as mode says. */
static int find_near(const char *const *place, unsigned count, const char *file, int mode,
		     char *path, size_t size_bytes)
{
	char folder[FOLDER_MAX];
	ssize_t len = readlink("/proc/self/exe", folder, sizeof(folder) - 1);

	folder[len > 0 ? len : 0] = '\0';
	if (strrchr(folder, '/'))
		*strrchr(folder, '/') = '\0';
	for (unsigned i = 0; i < count; i++) {
		snprintf(path, size_bytes, "%s%s%s", folder, place[i], file);
		if (access(path, mode) == 0)
			return 0;
	}
	return -ENOENT;
}

int path_find_data(const char *file, char *path, size_t size_bytes)
{
	/* Relative to the binary's folder: the build tree, a sanitizer or debug build in it, and an
	 * installation that was moved; last the place it was configured for. */
	static const char *const places[] = {"/", "/../", "/../../", "/../share/vitrine/"};

	if (find_near(places, sizeof(places) / sizeof(*places), file, R_OK, path, size_bytes) == 0)
		return 0;
	snprintf(path, size_bytes, VITRINE_PREFIX "/share/vitrine/%s", file);
	return access(path, R_OK) == 0 ? 0 : -ENOENT;
}

int path_find_program(const char *program, char *path, size_t size_bytes)
{
	static const char *const places[] = {"/", "/../", "/../../", "/../libexec/"};

	if (find_near(places, sizeof(places) / sizeof(*places), program, X_OK, path, size_bytes) ==
	    0)
		return 0;
	snprintf(path, size_bytes, VITRINE_PREFIX "/libexec/%s", program);
	return access(path, X_OK) == 0 ? 0 : -ENOENT;
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
